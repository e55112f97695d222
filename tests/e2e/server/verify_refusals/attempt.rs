//! One attempt to log in, with everything forged that a client can forge.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use opkssh_protocol::control::KeyType;
use opkssh_protocol::user_key::UserKey;
use opkssh_test_support::{Etc, Home, Output, Sshd, Verifier, user_name};
use serde_json::json;

use super::forge::{CLIENT, Login, ProviderKey};
use crate::agent::servers::verify_words;
use crate::setup::OPKSSH;

pub struct Attempt {
    pub login: Login,
    /// Whose certificate it is: the login's, unless a thief's.
    pub key: UserKey,
    pub issuer: String,
    pub etc: Etc,
    pub home: Home,
    requests: Arc<AtomicUsize>,
    hangs: Arc<AtomicBool>,
}

pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
}

impl Attempt {
    /// One that is let in as the user who runs the tests.
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    /// As [`Attempt::new`], but for `change`.
    pub fn with(change: impl FnOnce(&mut Login)) -> Self {
        Self::of(KeyType::Ecdsa, change)
    }

    /// As [`Attempt::with`], with a user key of this type.
    pub fn of(kind: KeyType, change: impl FnOnce(&mut Login)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let mut login = Login::of(ProviderKey::es256(), kind);
        login.claims["iss"] = json!(issuer);
        login.claims["iat"] = json!(now() - 100);
        login.claims["exp"] = json!(now() + 3500);
        change(&mut login);
        let requests = Arc::new(AtomicUsize::new(0));
        let hangs = Arc::new(AtomicBool::new(false));
        serve(
            listener,
            issuer.clone(),
            login.keys.to_string(),
            (Arc::clone(&requests), Arc::clone(&hangs)),
        );
        Self {
            etc: Etc::new().provider(&issuer, CLIENT, "24h").allow(
                &user_name(),
                "alice@x.example",
                &issuer,
            ),
            key: login.user_key.clone(),
            home: Home::new(OPKSSH),
            login,
            issuer,
            requests,
            hangs,
        }
    }

    /// From now on the provider takes requests and never answers.
    pub fn provider_hangs(&self) {
        self.hangs.store(true, Ordering::SeqCst);
    }

    /// How many requests reached the provider.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// The server's policy for this issuer.
    pub fn expiration(&self, expiration: &str) {
        let row = format!("{} {CLIENT} {expiration}\n", self.issuer);
        self.etc.write("providers", &row);
    }

    /// sshd's `%t` and `%k`.
    pub fn words(&self) -> (String, String) {
        self.login
            .certificate
            .words(&self.key, &self.login.pk_token())
    }

    /// The program's own run, for the user who runs the tests.
    pub fn verify(&self) -> Output {
        let (key_type, base64) = self.words();
        verify_words(&self.home, &self.etc, &user_name(), &key_type, &base64)
    }

    #[track_caller]
    pub fn is_let_in(&self) {
        let line = self.verify().stdout();
        assert!(line.starts_with("cert-authority,"), "{line}");
        let (_server, said) = self.ssh(true);
        assert_eq!(said.stdout(), "in\n");
    }

    /// By the program, and by sshd that asks it.
    #[track_caller]
    pub fn is_refused(&self, why: &str) {
        let (key_type, base64) = self.words();
        self.words_are_refused(&key_type, &base64, why);
        self.ssh_is_refused(true, why);
    }

    #[track_caller]
    pub fn words_are_refused(&self, key_type: &str, base64: &str, why: &str) {
        self.principal_is_refused(&user_name(), key_type, base64, why);
    }

    #[track_caller]
    pub fn principal_is_refused(&self, principal: &str, key_type: &str, base64: &str, why: &str) {
        let output = verify_words(&self.home, &self.etc, principal, key_type, base64);
        assert!(
            output.refused().contains(why),
            "not {why:?}: {}",
            output.stderr()
        );
        assert_eq!(output.any_stdout(), "");
        self.log_ends_with(why);
    }

    /// Offers the certificate, or without it the plain key.
    #[track_caller]
    pub fn ssh_is_refused(&self, certificate: bool, why: &str) {
        let (_server, refused) = self.ssh(certificate);
        assert_eq!(refused.code(), Some(255));
        assert_eq!(refused.any_stdout(), "");
        assert!(
            refused.stderr().contains("Permission denied"),
            "{}",
            refused.stderr()
        );
        self.log_ends_with(why);
    }

    /// Nothing of the token is in it.
    #[track_caller]
    fn log_ends_with(&self, why: &str) {
        let log = self.etc.log();
        let last = log.lines().last().unwrap_or_default();
        assert!(
            last.contains("failed to verify account=") && last.contains(&why.replace('"', "\\\"")),
            "{last}"
        );
        for part in self
            .login
            .pk_token()
            .split(':')
            .filter(|part| part.len() > 20)
        {
            assert!(!log.contains(part), "a token in the log");
        }
        // so that the next refusal has to say its own reason
        std::fs::write(self.etc.log_file(), "").unwrap();
    }

    /// Key and certificate in the home, for `ssh -i`.
    pub fn key_file(&self) -> std::path::PathBuf {
        let pem = self.key.to_openssh_pem("forged").unwrap();
        let key = self.home.write("key", pem.expose());
        self.home
            .command("chmod")
            .arg("600")
            .arg(&key)
            .run()
            .stdout();
        let (key_type, base64) = self.words();
        self.home
            .write("key-cert.pub", format!("{key_type} {base64}\n"));
        key
    }

    /// An sshd that asks our verify; `config` are lines of sshd_config that go first.
    pub fn sshd(&self, config: &str) -> Sshd {
        let binary = Path::new(OPKSSH);
        let verifier = Verifier::Ours {
            binary,
            etc: &self.etc,
        };
        Sshd::start_with(verifier, Path::new("/dev/null"), config)
    }

    /// ssh's arguments up to the host.
    pub fn ssh_args(&self, sshd: &Sshd) -> Vec<String> {
        let mut args = sshd.ssh_args();
        let key = self.key_file().display().to_string();
        args.extend(["-o".into(), "IdentitiesOnly=yes".into(), "-i".into(), key]);
        args
    }

    pub fn ssh(&self, certificate: bool) -> (Sshd, opkssh_test_support::Output) {
        let sshd = self.sshd("");
        let args = self.ssh_args(&sshd);
        if !certificate {
            std::fs::remove_file(self.home.dir().join("key-cert.pub")).unwrap();
        }
        let said = self
            .home
            .command("ssh")
            .args(args)
            .args(["127.0.0.1", "echo in"])
            .run();
        (sshd, said)
    }
}

/// The provider's two documents, over http on loopback.
fn serve(
    listener: TcpListener,
    issuer: String,
    keys: String,
    (requests, hangs): (Arc<AtomicUsize>, Arc<AtomicBool>),
) {
    let discovery = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")}).to_string();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            requests.fetch_add(1, Ordering::SeqCst);
            if hangs.load(Ordering::SeqCst) {
                silent.push(stream);
                continue;
            }
            let body = match path_of(&stream).as_deref() {
                Some("/.well-known/openid-configuration") => &discovery,
                Some("/keys") => &keys,
                _ => continue,
            };
            let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = (&stream).write_all((head + body).as_bytes());
        }
    });
}

fn path_of(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    lines.find(String::is_empty)?;
    Some(path)
}
