//! What `verify` stands between: a provider on loopback and a server's files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use opkssh_protocol::time::UnixTime;
use opkssh_server::deadline::Deadline;
use opkssh_server::http::Network;
use opkssh_server::key_source::{KeySource as _, KeySourceError};
use opkssh_server::{ServerDirs, VerifyArgs, verify_to};
use serde_json::json;

use crate::forge::{self, CLIENT, Login};

/// An account that is nobody's, so that no home file interferes.
pub const ACCOUNT: &str = "opkssh-test-account";

/// What the provider answers with: status line, further headers, body.
pub type Answer = (String, Vec<(String, String)>, Vec<u8>);

pub struct Provider {
    pub address: String,
    requests: Arc<AtomicUsize>,
}

impl Provider {
    /// Answers each path as `answer` says; `None` keeps the connection open and silent.
    pub fn serving(answer: impl Fn(&str, &str) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let (own, counted) = (address.clone(), Arc::clone(&requests));
        thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::SeqCst);
                match path_of(&stream).and_then(|path| answer(&own, &path)) {
                    Some(answer) => reply(stream, answer),
                    None => kept.push(stream),
                }
            }
        });
        Self { address, requests }
    }

    /// A provider that works, publishing the login's keys.
    pub fn of(login: &Login) -> Self {
        let keys = login.keys.to_string();
        Self::serving(move |own, path| match path {
            "/.well-known/openid-configuration" => ok(discovery(own)),
            "/keys" => ok(keys.clone()),
            _ => None,
        })
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub fn keys(&self) -> Result<(), KeySourceError> {
        let source = Network::default();
        source
            .fetch(&self.address, Deadline::after(Duration::from_secs(10)))
            .map(|_| ())
    }
}

pub fn discovery(issuer: &str) -> String {
    json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")}).to_string()
}

pub fn ok(body: impl Into<Vec<u8>>) -> Option<Answer> {
    Some(("200 OK".into(), vec![], body.into()))
}

pub fn redirect(to: &str) -> Option<Answer> {
    Some((
        "302 Found".into(),
        vec![("Location".into(), to.into())],
        vec![],
    ))
}

pub fn path_of(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    lines.find(String::is_empty)?;
    Some(path)
}

pub fn reply(mut stream: TcpStream, (status, headers, body): Answer) {
    let mut head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let _ = stream.write_all(format!("{head}\r\n").as_bytes());
    let _ = stream.write_all(&body);
}

/// Returns the login as issued at `iat` by the provider at this address, valid for a minute.
pub fn issued(login: Login, issuer: &str, iat: i64) -> Login {
    login.with(|login| {
        login.claims["iss"] = issuer.into();
        login.claims["iat"] = iat.into();
        login.claims["exp"] = (iat + 60).into();
    })
}

pub fn now() -> i64 {
    UnixTime::from(SystemTime::now()).0
}

/// Returns a login with `change`, its provider, and a server that allows its subject.
pub fn scene(change: impl FnOnce(&mut Login)) -> (Login, Provider, Server) {
    let login = Login::new();
    let provider = Provider::of(&login);
    let login = issued(login, &provider.address, now()).with(change);
    let server = Server::for_login(&login, &provider.address);
    let row = format!("{ACCOUNT} sub-1 {}\n", provider.address);
    server.write("auth_id", &row);
    (login, provider, server)
}

/// Returns `rules.yml` with a rule that denies under these conditions.
pub fn denying(conditions: &str) -> String {
    format!("rules: [{{name: stop, effect: deny, when: [{conditions}]}}]\n")
}

/// A server's files, with the modes the installer gives them.
pub struct Server {
    pub directory: tempfile::TempDir,
    /// `--config-path`
    pub config_path: Option<PathBuf>,
    /// What sshd passes behind `%u %k %t`.
    pub extra: Vec<String>,
}

impl Server {
    /// One that lets the login in.
    pub fn for_login(login: &Login, issuer: &str) -> Self {
        let server = Self {
            directory: tempfile::tempdir().unwrap(),
            config_path: None,
            extra: Vec::new(),
        };
        server.write("providers", &format!("{issuer} {CLIENT} 24h\n"));
        server.write("auth_id", &format!("{ACCOUNT} alice@x.example {issuer}\n"));
        assert_eq!(login.claims["iss"], issuer);
        server
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        self.mode(name, 0o640);
    }

    pub fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What stdout gets, and the outcome.
    pub fn verify(&self, login: &Login) -> (String, Result<(), String>) {
        let (key_type, certificate) = login.words();
        self.verify_words(&key_type, &certificate)
    }

    pub fn verify_words(&self, key_type: &str, certificate: &str) -> (String, Result<(), String>) {
        let args = VerifyArgs {
            dirs: ServerDirs {
                etc: self.directory.path().to_owned(),
                cache: Some(self.path("cache")),
            },
            config_path: self.config_path.clone(),
            log_file: self.path("log"),
            principal: ACCOUNT.into(),
            certificate: certificate.into(),
            key_type: key_type.into(),
            extra: self.extra.clone(),
        };
        let mut out = Vec::new();
        let result = verify_to(&args, &mut out).map_err(|error| error.to_string());
        (String::from_utf8(out).unwrap(), result)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    #[track_caller]
    pub fn allows(&self, login: &Login) {
        let (out, result) = self.verify(login);
        assert_eq!(result, Ok(()), "{}", self.log());
        assert_eq!(
            out,
            format!(
                "cert-authority,principals=\"opkssh-wildcard\" {}\n",
                forge::certificate::openssh(&login.user_key)
            )
        );
    }

    /// Nothing on stdout, and the reason in the log.
    #[track_caller]
    pub fn refuses(&self, login: &Login, reason: &str) {
        let (out, result) = self.verify(login);
        assert_eq!(out, "");
        let error = result.expect_err("refused");
        assert!(error.contains(reason), "{error}");
        let log = self.log();
        let last = log.lines().last().unwrap();
        let quoted = reason.replace('"', "\\\"");
        assert!(
            last.contains(" failed to verify account=") && last.contains(&quoted),
            "{last}"
        );
    }
}
