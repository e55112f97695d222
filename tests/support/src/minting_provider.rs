//! A provider whose clock the test sets: a small http server on loopback that logs in at once
//! whoever comes, and mints its tokens by that clock.

use std::collections::HashMap;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};

use crate::faulty_provider::{Request, answer, decoded, json_answer};
use crate::provider_key::ProviderKey;
use crate::wait::wait_until;

/// What a refresh request gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnRefresh {
    /// An ID token with the nonce of the login.
    RepeatsNonce,
    /// An ID token without a nonce.
    NoNonce,
    /// An access token and no ID token.
    NoIdToken,
    /// There is no refresh token in the first place.
    NoRefreshToken,
}

/// The running server. Refresh tokens are good for one use.
pub struct MintingProvider {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    issuer: String,
    on_refresh: OnRefresh,
    id_token_ttl: i64,
    key: ProviderKey,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: i64,
    down: bool,
    ending: bool,
    /// The answer to refresh requests, which are not granted.
    refusal: Option<&'static str>,
    /// Put over the claims of refreshed ID tokens.
    forged: Option<Value>,
    /// Put over the claims of the ID tokens of logins.
    forged_login: Option<Value>,
    serial: usize,
    /// Codes and refresh tokens, with the nonce of their login.
    nonces: HashMap<String, String>,
    authorizations: usize,
    refreshes: usize,
    revoked: Vec<String>,
}

impl MintingProvider {
    pub const CLIENT: &str = "opkssh-test";
    pub const SUBJECT: &str = "alice";

    /// ID tokens live for `id_token_ttl` seconds. The clock stands at `now` until it is set.
    pub fn start(on_refresh: OnRefresh, id_token_ttl: i64, now: i64) -> Self {
        Self::start_at(0, on_refresh, id_token_ttl, now)
    }

    /// As [`start`](Self::start), on this port, once nobody else has it.
    pub fn start_at(port: u16, on_refresh: OnRefresh, id_token_ttl: i64, now: i64) -> Self {
        let listener = wait_until("the provider's port is free", || {
            TcpListener::bind(("127.0.0.1", port)).ok()
        });
        let port = listener.local_addr().expect("its address").port();
        let state = State {
            now,
            ..State::default()
        };
        let shared = Arc::new(Shared {
            issuer: format!("http://localhost:{port}"),
            on_refresh,
            id_token_ttl,
            key: ProviderKey::es256(),
            state: Mutex::new(state),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || serving.accept(&listener));
        Self { port, shared }
    }

    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// The document behind `jwks_uri`.
    pub fn key_set(&self) -> String {
        self.shared.key_set().to_string()
    }

    pub fn set_time(&self, now: i64) {
        self.shared.state().now = now;
    }

    /// While it is down, every request is answered with HTTP 503.
    pub fn set_down(&self, down: bool) {
        self.shared.state().down = down;
    }

    /// From now on refreshed ID tokens have these claims in place of the right ones.
    pub fn forge(&self, claims: Value) {
        self.shared.state().forged = Some(claims);
    }

    /// As [`forge`](Self::forge), for the ID tokens of logins.
    pub fn forge_logins(&self, claims: Value) {
        self.shared.state().forged_login = Some(claims);
    }

    /// From now on refresh requests are answered with this error (RFC 6749 section 5.2); the tokens
    /// stay good.
    pub fn refuse(&self, error: Option<&'static str>) {
        self.shared.state().refusal = error;
    }

    /// How often a browser was sent here.
    pub fn authorizations(&self) -> usize {
        self.shared.state().authorizations
    }

    /// The tokens that were revoked (RFC 7009).
    pub fn revoked(&self) -> Vec<String> {
        self.shared.state().revoked.clone()
    }

    /// How many refresh requests were granted.
    pub fn refreshes(&self) -> usize {
        self.shared.state().refreshes
    }
}

impl Drop for MintingProvider {
    fn drop(&mut self) {
        self.shared.state().ending = true;
        // wakes the accepting thread
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.state().ending {
                return;
            }
            // a client that goes away in the middle is its own business
            let shared = Arc::clone(self);
            thread::spawn(move || stream.and_then(|stream| shared.serve(&stream)));
        }
    }

    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let request = Request::read(stream)?;
        if self.state().down {
            return answer(stream, "503 Service Unavailable", "", "");
        }
        match request.path.as_str() {
            "/.well-known/openid-configuration" => json_answer(stream, &self.discovery()),
            "/jwks" => json_answer(stream, &self.key_set()),
            "/auth" => {
                let code = self.authorize(&decoded(request.query("nonce")));
                let location = format!(
                    "location: {}?code={code}&state={}\r\n",
                    decoded(request.query("redirect_uri")),
                    request.query("state")
                );
                answer(stream, "303 See Other", &location, "")
            }
            "/revoke" => {
                let token = request.form("token");
                let mut state = self.state();
                state.nonces.remove(&token);
                state.revoked.push(token);
                answer(stream, "200 OK", "", "")
            }
            "/token" => match self.grant(&request) {
                Ok(tokens) => json_answer(stream, &tokens),
                Err(error) => answer(
                    stream,
                    "400 Bad Request",
                    "content-type: application/json\r\n",
                    &json!({"error": error}).to_string(),
                ),
            },
            _ => answer(stream, "404 Not Found", "", ""),
        }
    }

    fn authorize(&self, nonce: &str) -> String {
        let mut state = self.state();
        state.authorizations += 1;
        state.keep("code", nonce.to_owned())
    }

    fn grant(&self, request: &Request) -> Result<Value, &'static str> {
        let refreshing = request.form("grant_type") == "refresh_token";
        let spent = request.form(if refreshing { "refresh_token" } else { "code" });
        let mut state = self.state();
        if let Some(error) = state.refusal.filter(|_| refreshing) {
            return Err(error);
        }
        let nonce = state.nonces.remove(&spent).ok_or("invalid_grant")?;
        let mut tokens = json!({"access_token": "an-access-token", "token_type": "Bearer"});
        if !refreshing || self.on_refresh != OnRefresh::NoIdToken {
            let mut claims = json!({
                "iss": self.issuer, "aud": MintingProvider::CLIENT,
                "sub": MintingProvider::SUBJECT, "email": "alice@example.com",
                "iat": state.now, "exp": state.now + self.id_token_ttl,
            });
            if !refreshing || self.on_refresh == OnRefresh::RepeatsNonce {
                claims["nonce"] = json!(nonce);
            }
            let forged = match refreshing {
                true => &state.forged,
                false => &state.forged_login,
            };
            for (name, value) in forged.iter().filter_map(Value::as_object).flatten() {
                claims[name] = value.clone();
            }
            tokens["id_token"] = json!(self.sign(&claims));
        }
        if self.on_refresh != OnRefresh::NoRefreshToken {
            tokens["refresh_token"] = json!(state.keep("refresh", nonce));
        }
        state.refreshes += usize::from(refreshing);
        Ok(tokens)
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "ES256", "kid": ProviderKey::ID, "typ": "JWT"});
        self.key.jwt(&header, claims)
    }

    fn key_set(&self) -> Value {
        json!({"keys": [self.key.published()]})
    }

    fn discovery(&self) -> Value {
        let here = &self.issuer;
        json!({
            "issuer": here,
            "authorization_endpoint": format!("{here}/auth"),
            "token_endpoint": format!("{here}/token"),
            "jwks_uri": format!("{here}/jwks"),
            "revocation_endpoint": format!("{here}/revoke"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// A new code or refresh token for the login with this nonce.
    fn keep(&mut self, kind: &str, nonce: String) -> String {
        self.serial += 1;
        let token = format!("{kind}-{}", self.serial);
        self.nonces.insert(token.clone(), nonce);
        token
    }
}
