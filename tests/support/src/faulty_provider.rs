//! What a well-behaved provider never does: a small http server on loopback.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use parking_lot::Mutex;
use serde_json::json;

use crate::wait::free_port;

/// What is wrong with the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody listens.
    Refused,
    /// Takes the connection and never answers.
    Silent,
    /// HTTP 500 to everything.
    ServerError,
    /// HTML where JSON belongs.
    Garbage,
    /// A body without an end.
    Endless,
    /// Discovery in the name of somebody else.
    OtherIssuer,
    /// Discovery redirects to another http server.
    Redirect,
    /// The authorization endpoint answers with an error and [`STEERING`].
    Denied,
    /// Announces that it names itself in the authorization response (RFC 9207), and names another.
    AnswersAsAnother,
    /// … and names nobody.
    AnswersAsNobody,
    /// Sends the browser on to another provider; see [`FaultyProvider::luring_to`].
    LuresToAnother,
    /// All well up to the token endpoint, which never answers.
    TokenSilent,
    /// … which answers HTTP 500.
    TokenServerError,
    /// … which answers HTML.
    TokenGarbage,
    /// … which answers with an error and [`STEERING`].
    TokenDenied,
    /// … which answers without an ID token.
    TokenWithoutIdToken,
    /// … which answers with an ID token that nobody signed.
    TokenUnsigned,
}

/// An `error_description` that would clear the terminal, begin a line of its own, and turn around
/// what follows.
pub const STEERING: &str = "sorry\u{1b}[2J\nError: none\u{202e}\u{200b}gnorw";

/// The running server. Its authorization endpoint asks nobody: it redirects
/// back with a code at once.
pub struct FaultyProvider {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    fault: Fault,
    issuer: String,
    /// Another provider's authorization endpoint, with a query that leaves `redirect_uri` and
    /// `state` out.
    lure: String,
    requests: Mutex<Vec<String>>,
    open: Mutex<Vec<TcpStream>>,
    ending: AtomicBool,
}

impl FaultyProvider {
    pub fn start(fault: Fault) -> Self {
        Self::start_with(fault, String::new())
    }

    /// A provider that has the browser get a code of `client` from the provider with this
    /// authorization endpoint, with a nonce and a PKCE challenge that it has chosen itself, for
    /// the state and the redirect URI that it was given.
    pub fn luring_to(endpoint: &str, client: &str) -> Self {
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        Self::start_with(
            Fault::LuresToAnother,
            format!(
                "{endpoint}?client_id={client}&response_type=code&scope=openid&nonce=of-its-own\
                 &code_challenge={challenge}&code_challenge_method=S256"
            ),
        )
    }

    fn start_with(fault: Fault, lure: String) -> Self {
        let listener = (fault != Fault::Refused)
            .then(|| TcpListener::bind(("127.0.0.1", 0)).expect("a free loopback port"));
        let port = listener.as_ref().map_or_else(free_port, |listener| {
            listener.local_addr().expect("its address").port()
        });
        let shared = Arc::new(Shared {
            fault,
            issuer: format!("http://localhost:{port}"),
            lure,
            requests: Mutex::default(),
            open: Mutex::default(),
            ending: AtomicBool::new(false),
        });
        if let Some(listener) = listener {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.accept(&listener));
        }
        Self { port, shared }
    }

    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// The requests so far, as `GET /path`, without queries.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().clone()
    }
}

impl Drop for FaultyProvider {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        for stream in self.shared.open.lock().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the accepting thread.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.ending.load(Ordering::SeqCst) {
                return;
            }
            let Ok(stream) = stream else { continue };
            if let Ok(clone) = stream.try_clone() {
                self.open.lock().push(clone);
            }
            let shared = Arc::clone(self);
            // A client that goes away in the middle is its own business.
            thread::spawn(move || shared.serve(&stream));
        }
    }

    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let request = Request::read(stream)?;
        self.requests
            .lock()
            .push(format!("{} {}", request.method, request.path));
        match self.fault {
            Fault::Refused => Ok(()),
            Fault::Silent => wait_for_the_end(stream),
            Fault::ServerError => answer(stream, "500 Internal Server Error", "", "out of order"),
            Fault::Garbage => answer(stream, "200 OK", "", GARBAGE),
            Fault::Endless => endless(stream),
            Fault::Redirect if request.path.starts_with("/.well-known/") => {
                let elsewhere = "location: http://127.0.0.1:9/.well-known/openid-configuration\r\n";
                answer(stream, "302 Found", elsewhere, "")
            }
            _ => self.serve_well(stream, &request),
        }
    }

    fn serve_well(&self, stream: &TcpStream, request: &Request) -> std::io::Result<()> {
        match request.path.as_str() {
            "/.well-known/openid-configuration" => json_answer(stream, &self.discovery()),
            "/jwks" => json_answer(stream, &json!({"keys": []})),
            "/auth" => {
                let location = self.sent_to(request);
                answer(
                    stream,
                    "303 See Other",
                    &format!("location: {location}\r\n"),
                    "",
                )
            }
            "/token" => self.token(stream),
            _ => answer(stream, "404 Not Found", "", ""),
        }
    }

    /// Where the browser goes from the authorization endpoint.
    fn sent_to(&self, request: &Request) -> String {
        let (redirect_uri, state) = (request.query("redirect_uri"), request.query("state"));
        if self.fault == Fault::LuresToAnother {
            return format!("{}&redirect_uri={redirect_uri}&state={state}", self.lure);
        }
        let iss = match self.fault {
            Fault::AnswersAsAnother => "&iss=https%3A%2F%2Fsomebody-else.example",
            _ => "",
        };
        let outcome = match self.fault {
            Fault::Denied => format!(
                "error=access_denied&error_description={}",
                encoded(STEERING)
            ),
            _ => "code=a-code".to_owned(),
        };
        let redirect_uri = decoded(redirect_uri);
        format!("{redirect_uri}?{outcome}&state={state}{iss}")
    }

    fn discovery(&self) -> serde_json::Value {
        let here = &self.issuer;
        let issuer = if self.fault == Fault::OtherIssuer {
            "https://somebody-else.example"
        } else {
            here
        };
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{here}/auth"),
            "token_endpoint": format!("{here}/token"),
            "jwks_uri": format!("{here}/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": matches!(
                self.fault,
                Fault::AnswersAsAnother | Fault::AnswersAsNobody
            ),
        })
    }

    fn token(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut tokens =
            json!({"access_token": "an-access-token", "token_type": "Bearer", "expires_in": 3600});
        match self.fault {
            Fault::TokenServerError => {
                return answer(stream, "500 Internal Server Error", "", "out of order");
            }
            Fault::TokenGarbage => return answer(stream, "200 OK", "", GARBAGE),
            Fault::TokenDenied => {
                let refusal = json!({"error": "invalid_grant", "error_description": STEERING});
                let headers = "content-type: application/json\r\n";
                return answer(stream, "400 Bad Request", headers, &refusal.to_string());
            }
            Fault::TokenWithoutIdToken => {}
            // {"alg":"none"} and {"iss":"nobody"}
            Fault::TokenUnsigned => {
                tokens["id_token"] = json!("eyJhbGciOiJub25lIn0.eyJpc3MiOiJub2JvZHkifQ.");
            }
            _ => return wait_for_the_end(stream),
        }
        json_answer(stream, &tokens)
    }
}

const GARBAGE: &str = "<html><body>Welcome to the wireless network of the hotel</body></html>";

pub(crate) struct Request {
    pub method: String,
    pub path: String,
    query: String,
    body: String,
}

impl Request {
    pub fn read(stream: &TcpStream) -> std::io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 || line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let mut words = first.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Ok(Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    pub fn query(&self, name: &str) -> &str {
        parameter(&self.query, name)
    }

    /// A parameter of the form in the body.
    pub fn form(&self, name: &str) -> String {
        decoded(parameter(&self.body, name))
    }
}

fn parameter<'a>(pairs: &'a str, name: &str) -> &'a str {
    pairs
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
        .unwrap_or_default()
}

/// Percent-encodes every byte.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Percent-decodes what a redirect URI may hold.
pub(crate) fn decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or(("", piece));
        plain.extend(u8::from_str_radix(digits, 16).map(char::from));
        plain.push_str(rest);
    }
    plain
}

pub(crate) fn json_answer(stream: &TcpStream, body: &serde_json::Value) -> std::io::Result<()> {
    answer(
        stream,
        "200 OK",
        "content-type: application/json\r\n",
        &body.to_string(),
    )
}

pub(crate) fn answer(
    mut stream: &TcpStream,
    status: &str,
    headers: &str,
    body: &str,
) -> std::io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn endless(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"issuer\":\"")?;
    loop {
        stream.write_all(&[b'a'; 65536])?;
    }
}

fn wait_for_the_end(mut stream: &TcpStream) -> std::io::Result<()> {
    while stream.read(&mut [0; 1024])? > 0 {}
    Ok(())
}
