//! The simplest client: the browser of the tests, a callback that listens once, and curl.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use opkssh_test_support::{Browser, Home, Provider, Running};
use serde_json::Value;

// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub struct Client<'a> {
    provider: &'a Provider,
    home: Home,
    browser: Browser,
    authenticate: bool,
}

pub struct Tokens {
    pub id_token: String,
    pub refresh_token: Option<String>,
}

impl<'a> Client<'a> {
    pub fn new(provider: &'a Provider) -> Self {
        let home = Home::new("/bin/sh");
        provider.trusted_in(&home);
        let browser = Browser::install(&home);
        Self {
            provider,
            home,
            browser,
            authenticate: true,
        }
    }

    pub fn without_secret(&self) -> Self {
        Self {
            authenticate: false,
            ..Self::new(self.provider)
        }
    }

    pub fn browser(&self) -> &Browser {
        &self.browser
    }

    /// Logs in as alice and exchanges the code.
    pub fn login(&self, scope: &str) -> Tokens {
        let (callback, redirect_uri) = self.authorize(scope, "consent");
        let code = callback
            .split(['?', '&', ' '])
            .find_map(|pair| pair.strip_prefix("code="))
            .expect("a code");
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", &redirect_uri),
        ])
        .expect("tokens for the code")
    }

    pub fn refresh(&self, refresh_token: &str) -> Option<Tokens> {
        self.token(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ])
    }

    /// RFC 8628, 3.2.
    pub fn start_device_flow(&self, scope: &str) -> Value {
        let answer = self
            .curl("/device/auth", &[("scope", scope)])
            .run()
            .stdout();
        serde_json::from_str(&answer).expect("JSON")
    }

    pub fn device_tokens(&self, device_code: &str) -> Option<Tokens> {
        let grant_type = "urn:ietf:params:oauth:grant-type:device_code";
        self.token(&[("grant_type", grant_type), ("device_code", device_code)])
    }

    pub fn start_refresh(&self, refresh_token: &str) -> Running {
        self.curl(
            "/token",
            &[
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh_token),
            ],
        )
        .start()
    }

    /// The request line with which the browser came to the callback.
    pub fn callback(&self, scope: &str) -> String {
        self.authorize(scope, "consent").0
    }

    pub fn silent_callback(&self, scope: &str) -> String {
        self.authorize(scope, "none").0
    }

    pub fn open(&self, url: &str) {
        self.home
            .command(self.browser.launcher())
            .arg(url)
            .run()
            .stdout();
    }

    fn authorize(&self, scope: &str, prompt: &str) -> (String, String) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let redirect_uri = format!(
            "http://localhost:{}/login-callback",
            listener.local_addr().unwrap().port()
        );
        let url = format!(
            "{}/auth?response_type=code&client_id={}&redirect_uri={redirect_uri}&scope={}&state=a-state\
             &nonce=a-nonce&code_challenge={CHALLENGE}&code_challenge_method=S256&prompt={prompt}&access_type=offline",
            self.provider.issuer(),
            self.provider.client_id(),
            scope.replace(' ', "%20")
        );
        let browser = self.home.command(self.browser.launcher()).arg(url).start();
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = BufReader::new(&stream).lines();
        let line = request.next().unwrap().unwrap();
        while request
            .next()
            .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
        {}
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ndone"
        )
        .unwrap();
        drop(stream);
        assert_eq!(browser.wait().stdout(), "");
        (line, redirect_uri)
    }

    fn token(&self, form: &[(&str, &str)]) -> Option<Tokens> {
        let output = self.curl("/token", form).run();
        if !output.success() {
            return None;
        }
        let answer: Value = serde_json::from_str(&output.stdout()).expect("JSON");
        Some(Tokens {
            id_token: answer["id_token"].as_str().expect("an ID token").to_owned(),
            refresh_token: answer["refresh_token"].as_str().map(str::to_owned),
        })
    }

    fn curl(&self, path: &str, form: &[(&str, &str)]) -> opkssh_test_support::Run {
        let client = self.provider.client();
        let mut curl = self
            .home
            .command("curl")
            .args(["-s", "-f", "--cacert"])
            .arg(self.provider.ca_file());
        for (name, value) in form {
            curl = curl.arg("--data-urlencode").arg(format!("{name}={value}"));
        }
        curl = match &client.secret {
            Some(secret) if self.authenticate && client.auth_method == "client_secret_basic" => {
                curl.arg("-u").arg(format!("{}:{secret}", client.id))
            }
            Some(secret) if self.authenticate => curl.args([
                "-d",
                &format!("client_id={}&client_secret={secret}", client.id),
            ]),
            _ => curl.args(["-d", &format!("client_id={}", client.id)]),
        };
        curl.arg(format!("{}{path}", self.provider.issuer()))
    }
}

pub fn header(token: &str) -> Value {
    part(token, 0)
}

pub fn payload(token: &str) -> Value {
    part(token, 1)
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("a part of the token");
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}
