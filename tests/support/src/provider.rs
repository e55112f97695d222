//! The certified OpenID provider from npm, over https on a loopback port.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control::ask;
use crate::parts::part;
use crate::{Home, certificates};

/// How the provider behaves.
#[derive(Clone, Debug)]
pub struct ProviderOptions {
    pub clients: Vec<Client>,
    /// What discovery offers, of `none`, `client_secret_basic` and `client_secret_post`.
    pub client_auth_methods: &'static [&'static str],
    /// Takes a secret only in the way that its client was registered for, as some providers do.
    pub strict_client_auth: bool,
    /// `RS256`, `PS256`, `ES256` or `EdDSA`.
    pub id_token_signing_alg: &'static str,
    /// Lifetimes in seconds.
    pub id_token_ttl: u32,
    pub access_token_ttl: u32,
    pub refresh_token_ttl: u32,
    /// A used refresh token is replaced; its second use revokes the family.
    pub rotate_refresh_tokens: bool,
    /// Refresh tokens without the scope `offline_access`, too.
    pub always_issue_refresh_token: bool,
    /// Whether an ID token from a refresh carries the nonce of the login.
    pub repeat_nonce_on_refresh: bool,
    /// The device flow (RFC 8628) is offered.
    pub device_flow: bool,
    /// Lifetime of a device's code in seconds.
    pub device_code_ttl: u32,
    /// How often a device may ask, in seconds; `None`: the client's default counts.
    pub device_poll_interval: Option<u32>,
    /// Whether an ID token of the device flow carries the nonce that the device sent.
    pub nonce_in_device_flow: bool,
    /// Grants `prompt=none` to whom it remembers. Without, it insists on asking,
    /// as RFC 8252, 8.6 suggests for native clients.
    pub silent_for_native_clients: bool,
}

impl Default for ProviderOptions {
    fn default() -> Self {
        Self {
            clients: vec![Client::public("opkssh-test")],
            client_auth_methods: &["none", "client_secret_basic", "client_secret_post"],
            strict_client_auth: false,
            id_token_signing_alg: "RS256",
            id_token_ttl: 3600,
            access_token_ttl: 3600,
            refresh_token_ttl: 14 * 24 * 3600,
            rotate_refresh_tokens: true,
            always_issue_refresh_token: false,
            repeat_nonce_on_refresh: true,
            device_flow: true,
            device_code_ttl: 600,
            device_poll_interval: None,
            nonce_in_device_flow: false,
            silent_for_native_clients: false,
        }
    }
}

/// A registered client. Its redirect is `http://localhost/login-callback` (or
/// 127.0.0.1, or `[::1]`) on any port.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub secret: Option<String>,
    /// `none`, `client_secret_basic` or `client_secret_post`.
    pub auth_method: &'static str,
    /// In place of the usual ones.
    pub redirect_uris: Vec<String>,
}

impl Client {
    pub fn public(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: None,
            auth_method: "none",
            redirect_uris: Vec::new(),
        }
    }

    /// A client with a secret that it sends by `auth_method`.
    pub fn secret(id: &str, secret: &str, auth_method: &'static str) -> Self {
        Self {
            id: id.to_owned(),
            secret: Some(secret.to_owned()),
            auth_method,
            redirect_uris: Vec::new(),
        }
    }
}

/// The running provider. Users: any name with any password; `sub` is the name,
/// `email` is `<name>@example.com`, `groups` is `users`, for alice `admins` too.
pub struct Provider {
    child: Child,
    // Closing it ends the provider, however the test ends.
    _stdin: Option<ChildStdin>,
    directory: TempDir,
    issuer: String,
    control: u16,
    clients: Vec<Client>,
}

impl Provider {
    pub fn start(options: ProviderOptions) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("ot-")
            .tempdir_in("/tmp")
            .expect("a directory");
        certificates::write(directory.path());
        let mut arguments = json!({
            "key_file": directory.path().join(certificates::KEY),
            "certificate_file": directory.path().join(certificates::CERTIFICATE),
            "clients": options.clients.iter().map(Client::to_json).collect::<Vec<_>>(),
            "client_auth_methods": options.client_auth_methods,
            "strict_client_auth": options.strict_client_auth,
            "id_token_signing_alg": options.id_token_signing_alg,
            "id_token_ttl": options.id_token_ttl,
            "access_token_ttl": options.access_token_ttl,
            "refresh_token_ttl": options.refresh_token_ttl,
            "rotate_refresh_tokens": options.rotate_refresh_tokens,
            "always_issue_refresh_token": options.always_issue_refresh_token,
            "repeat_nonce_on_refresh": options.repeat_nonce_on_refresh,
            "device_flow": options.device_flow,
            "device_code_ttl": options.device_code_ttl,
            "nonce_in_device_flow": options.nonce_in_device_flow,
            "silent_for_native_clients": options.silent_for_native_clients,
        });
        if let Some(seconds) = options.device_poll_interval {
            arguments["device_poll_interval"] = json!(seconds);
        }
        let log = fs::File::create(directory.path().join("provider.log")).expect("a log file");
        let mut child = Command::new(part("bin/node"))
            .arg(part("provider/provider.mjs"))
            .arg(arguments.to_string())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("start the provider");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout is piped"))
            .read_line(&mut line)
            .expect("the provider's ready line");
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            let log = fs::read_to_string(directory.path().join("provider.log")).unwrap_or_default();
            panic!("the provider did not start: {line}{log}")
        });
        Self {
            _stdin: child.stdin.take(),
            child,
            directory,
            issuer: ready["issuer"].as_str().expect("an issuer").to_owned(),
            control: ready["control"]
                .as_u64()
                .and_then(|port| port.try_into().ok())
                .expect("a port"),
            clients: options.clients,
        }
    }

    /// `https://localhost:<port>`, without a slash at the end.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The CA to trust, PEM.
    pub fn ca_file(&self) -> PathBuf {
        self.directory.path().join(certificates::CA)
    }

    /// The first client's id.
    pub fn client_id(&self) -> &str {
        &self.clients[0].id
    }

    /// The first client.
    pub fn client(&self) -> &Client {
        &self.clients[0]
    }

    /// Makes programs in `home` trust this provider's CA, and no other.
    pub fn trusted_in(&self, home: &Home) {
        home.set("SSL_CERT_FILE", self.ca_file());
        home.set("SSL_CERT_DIR", "/nonexistent");
    }

    /// Every request so far, oldest first.
    pub fn log(&self) -> Vec<Seen> {
        let log = ask(self.control, "GET", "/log");
        log.as_array()
            .expect("a list")
            .iter()
            .map(Seen::from_json)
            .collect()
    }

    /// How often a browser was sent to the authorization endpoint.
    pub fn authorizations(&self) -> usize {
        self.requests("/auth")
    }

    /// How many requests there were for this path.
    pub fn requests(&self, path: &str) -> usize {
        self.log().iter().filter(|seen| seen.path == path).count()
    }

    /// How many requests with this grant type the token endpoint granted.
    pub fn granted(&self, grant_type: &str) -> usize {
        self.log()
            .iter()
            .filter(|seen| seen.grant_type == grant_type && seen.status == 200)
            .count()
    }

    /// How many requests with this grant type the token endpoint saw.
    pub fn asked(&self, grant_type: &str) -> usize {
        self.log()
            .iter()
            .filter(|seen| seen.grant_type == grant_type)
            .count()
    }

    /// The PKCE verifier of the last login.
    pub fn code_verifier(&self) -> String {
        let log = self.log();
        let mut seen = log.iter().rev().map(|seen| &seen.code_verifier);
        seen.find(|verifier| !verifier.is_empty())
            .expect("a login with PKCE")
            .clone()
    }

    /// ID tokens live for this many seconds from now on.
    pub fn set_id_token_ttl(&self, seconds: u32) {
        ask(self.control, "POST", &format!("/ttl?id_token={seconds}"));
    }

    /// Forgets the user's refresh tokens, as an administrator would.
    pub fn revoke(&self, user: &str) {
        ask(self.control, "POST", &format!("/revoke?user={user}"));
    }

    /// Answers the next `count` requests for `path` with this HTTP status.
    pub fn fail(&self, path: &str, status: u16, count: usize) {
        ask(
            self.control,
            "POST",
            &format!("/fail?path={path}&status={status}&count={count}"),
        );
    }

    /// Leaves requests for `path` waiting until [`Provider::release`].
    pub fn hold(&self, path: &str) {
        ask(self.control, "POST", &format!("/hold?path={path}"));
    }

    /// Does what requests for `path` ask, and leaves the answers waiting until
    /// [`Provider::release`].
    pub fn hold_answers(&self, path: &str) {
        ask(self.control, "POST", &format!("/hold-answer?path={path}"));
    }

    /// Lets the waiting requests for `path` go on; gives their number.
    pub fn release(&self, path: &str) -> u64 {
        ask(self.control, "POST", &format!("/release?path={path}"))["released"]
            .as_u64()
            .expect("a number")
    }

    /// Refuses connections until [`Provider::open`]; nothing is forgotten.
    pub fn close(&self) {
        ask(self.control, "POST", "/close");
    }

    pub fn open(&self) {
        ask(self.control, "POST", "/open");
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Client {
    fn to_json(&self) -> Value {
        let mut client =
            json!({"client_id": self.id, "token_endpoint_auth_method": self.auth_method});
        if !self.redirect_uris.is_empty() {
            client["redirect_uris"] = json!(self.redirect_uris);
        }
        if let Some(secret) = &self.secret {
            client["client_secret"] = json!(secret);
        }
        client
    }
}

/// A request that the provider saw. Text fields are empty where they do not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    pub path: String,
    /// 0 while it is being answered.
    pub status: u64,
    pub error: String,
    pub grant_type: String,
    /// PKCE's secret half (RFC 7636).
    pub code_verifier: String,
    pub client_id: String,
    /// How the client authenticated: `basic`, `post` or `none`.
    pub auth_style: String,
}

impl Seen {
    fn from_json(entry: &Value) -> Self {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        Self {
            method: text("method"),
            path: text("path"),
            status: entry["status"].as_u64().unwrap_or_default(),
            error: text("error"),
            grant_type: text("grant_type"),
            code_verifier: text("code_verifier"),
            client_id: text("client_id"),
            auth_style: text("auth_style"),
        }
    }
}
