//! The program under test, and the client and browser that speak to it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ring::digest;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;
use url::Url;

pub const REDIRECT: &str = "http://localhost:3000/login-callback";
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub struct Running {
    child: Child,
    pub issuer: String,
    http: ureq::Agent,
}

pub struct Answer {
    pub status: u16,
    headers: ureq::http::HeaderMap,
    body: String,
}

impl Running {
    pub fn start(options: &[&str]) -> Self {
        Self::start_with(options, "")
    }

    pub fn start_with(options: &[&str], stdin: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_opkssh-demo-provider"))
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(stdin.as_bytes())
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let issuer = line
            .trim_end()
            .strip_prefix("issuer ")
            .expect(&line)
            .to_owned();
        let http = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build()
            .into();
        Self {
            child,
            issuer,
            http,
        }
    }

    pub fn close_stdin(mut self) -> ExitStatus {
        drop(self.child.stdin.take());
        self.child.wait().unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        Answer::from(
            self.http
                .get(format!("{}{path}", self.issuer))
                .call()
                .unwrap(),
        )
    }

    pub fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.http.post(format!("{}{path}", self.issuer));
        Answer::from(request.send_form(form.iter().copied()).unwrap())
    }

    /// An authorization request, good but for the parameters given.
    pub fn authorize(&self, changed: &[(&str, &str)]) -> Answer {
        let challenge = BASE64URL.encode(digest::digest(&digest::SHA256, VERIFIER.as_bytes()));
        let mut parameters = HashMap::from([
            ("response_type", "code"),
            ("client_id", "opkssh-demo"),
            ("redirect_uri", REDIRECT),
            ("scope", "openid email"),
            ("state", "the-state"),
            ("nonce", "the-nonce"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
            ("prompt", "consent"),
            ("access_type", "offline"),
        ]);
        parameters.extend(changed.iter().copied());
        let mut url = Url::parse(&format!("{}/authorize", self.issuer)).unwrap();
        url.query_pairs_mut().extend_pairs(parameters);
        Answer::from(self.http.get(url.as_str()).call().unwrap())
    }

    /// The code that logging in as `user` gives.
    pub fn log_in(&self, user: &str) -> String {
        let request = self.authorize(&[]).request_id();
        let form = [
            ("request", request.as_str()),
            ("username", user),
            ("password", "any"),
        ];
        let answer = self.post("/login", &form).location();
        assert_eq!(answer["state"], "the-state");
        assert_eq!(answer["iss"], self.issuer);
        answer["code"].clone()
    }

    pub fn exchange(&self, code: &str, verifier: &str) -> Answer {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", verifier),
        ])
    }

    pub fn refresh(&self, refresh_token: &str) -> Answer {
        self.token(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ])
    }

    pub fn token(&self, form: &[(&str, &str)]) -> Answer {
        let mut form = form.to_vec();
        form.push(("client_id", "opkssh-demo"));
        self.post("/token", &form)
    }

    /// The claims of the ID token among `tokens`, its signature checked with the published key.
    pub fn claims(&self, tokens: &Value) -> Value {
        let id_token = tokens["id_token"].as_str().unwrap();
        let (signed, signature) = id_token.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let decode = |text: &str| BASE64URL.decode(text).unwrap();
        let header: Value = serde_json::from_slice(&decode(header)).unwrap();
        let keys = self.get("/jwks").ok();
        let key = &keys["keys"][0];
        assert_eq!((&header["alg"], &header["kid"]), (&key["alg"], &key["kid"]));
        let mut point = vec![4];
        point.extend(decode(key["x"].as_str().unwrap()));
        point.extend(decode(key["y"].as_str().unwrap()));
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(signed.as_bytes(), &decode(signature))
            .unwrap();
        serde_json::from_slice(&decode(claims)).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    fn from(mut response: ureq::http::Response<ureq::Body>) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.body_mut().read_to_string().unwrap(),
        }
    }

    /// The JSON of a success.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    /// The code of an OAuth error.
    pub fn error(&self) -> String {
        assert!(self.status >= 400, "{} {}", self.status, self.body);
        let error: Value = serde_json::from_str(&self.body).unwrap();
        error["error"].as_str().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// What a redirect to the client's address carries.
    pub fn location(&self) -> HashMap<String, String> {
        let location = self
            .header("location")
            .unwrap_or_else(|| panic!("{}", self.body));
        assert!(location.starts_with(REDIRECT), "{location}");
        Url::parse(location)
            .unwrap()
            .query_pairs()
            .into_owned()
            .collect()
    }

    /// The hidden field of the login page.
    pub fn request_id(&self) -> String {
        let start = self.body.split_once(r#"name="request" value=""#);
        let (_, rest) = start.unwrap_or_else(|| panic!("no login page: {}", self.body));
        rest.split('"').next().unwrap().to_owned()
    }
}
