//! The provider's userinfo endpoint (OpenID Connect Core section 5.3), asked when a certificate
//! carries an access token: some providers put groups and mail addresses only there.

use std::time::{Duration, Instant};

use opkssh_protocol::json::{self, JsonError, Object};
use opkssh_protocol::secret::Secret;
use serde_json::Value;
use ureq::Agent;
use url::Url;

use crate::key_source::{Network, NetworkError};
use crate::providers::{is_acceptable, is_loopback};

/// For discovery and answer together; sshd's LoginGraceTime is running.
const DEADLINE: Duration = Duration::from_secs(10);
const MAX_REDIRECTS: usize = 5;
/// Largest answer, in bytes.
const MAX_BODY: u64 = 1024 * 1024;

/// What the provider says about the person whom the ID token names.
#[derive(Clone)]
pub struct Userinfo {
    claims: Object,
}

// no texts of the answer: it may be anything
#[derive(Debug, thiserror::Error)]
pub enum UserinfoError {
    #[error("env_vars of the server config: {0}")]
    Network(#[from] NetworkError),
    #[error("{url}: {error}")]
    Request {
        url: String,
        error: Box<ureq::Error>,
    },
    #[error("{url}: HTTP status {status}")]
    Status { url: String, status: u16 },
    #[error("{0}: redirected too often, or to nowhere")]
    Redirect(String),
    #[error("{0:?} is not an https URL")]
    NotHttps(String),
    #[error("{url}: {error}")]
    Json { url: String, error: JsonError },
    #[error("{0}: it names another issuer, or no userinfo_endpoint")]
    Discovery(String),
    #[error("\"sub\" is missing, or not that of the ID token")]
    Subject,
    #[error("\"email\" is not a text")]
    Email,
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Deadline,
}

impl Userinfo {
    /// Asks the provider of exactly this name about the holder of `token`, who must be `subject`.
    pub fn ask(
        issuer: &str,
        subject: &str,
        token: &Secret,
        network: &Network,
    ) -> Result<Self, UserinfoError> {
        let asking = Asking {
            agent: network.agent(),
            network,
            until: Instant::now() + DEADLINE,
        };
        let endpoint = asking.endpoint(issuer)?;
        match asking.get(&endpoint, Some(token))? {
            Answer::Body(body) => Self::read(&body, subject, endpoint.as_str()),
            // the token goes to no other address
            Answer::Redirect(_) => Err(UserinfoError::Redirect(endpoint.to_string())),
        }
    }

    fn read(body: &[u8], subject: &str, url: &str) -> Result<Self, UserinfoError> {
        let claims = json::parse_object(body).map_err(|error| UserinfoError::Json {
            url: url.to_owned(),
            error,
        })?;
        if claims.get("sub").and_then(Value::as_str) != Some(subject) {
            return Err(UserinfoError::Subject);
        }
        match claims.get("email") {
            None | Some(Value::Null | Value::String(_)) => Ok(Self { claims }),
            Some(_) => Err(UserinfoError::Email),
        }
    }

    pub fn claims(&self) -> &Object {
        &self.claims
    }

    /// The claims as JSON, members sorted by name, with a line feed, as Go writes them.
    pub fn json(&self) -> String {
        format!("{}\n", Value::Object(self.claims.clone()))
    }
}

struct Asking<'a> {
    agent: Agent,
    network: &'a Network,
    until: Instant,
}

enum Answer {
    Body(Vec<u8>),
    Redirect(Url),
}

impl Asking<'_> {
    /// From the discovery document (OpenID Connect Discovery 1.0 section 3).
    fn endpoint(&self, issuer: &str) -> Result<Url, UserinfoError> {
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        let address = format!("{base}/.well-known/openid-configuration");
        let wrong = || UserinfoError::Discovery(address.clone());
        let body = self.document(acceptable(&address, issuer)?)?;
        let document = json::parse_object(&body).map_err(|error| UserinfoError::Json {
            url: address.clone(),
            error,
        })?;
        let text = |name| document.get(name).and_then(Value::as_str);
        if text("issuer") != Some(issuer) {
            return Err(wrong());
        }
        acceptable(text("userinfo_endpoint").ok_or_else(wrong)?, issuer)
    }

    fn document(&self, mut url: Url) -> Result<Vec<u8>, UserinfoError> {
        for _ in 0..=MAX_REDIRECTS {
            match self.get(&url, None)? {
                Answer::Body(body) => return Ok(body),
                Answer::Redirect(next) => url = acceptable(next.as_str(), url.as_str())?,
            }
        }
        Err(UserinfoError::Redirect(url.to_string()))
    }

    fn get(&self, url: &Url, token: Option<&Secret>) -> Result<Answer, UserinfoError> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(UserinfoError::Deadline);
        }
        let failed = |error| match error {
            ureq::Error::Timeout(_) => UserinfoError::Deadline,
            error => UserinfoError::Request {
                url: url.to_string(),
                error: Box::new(error),
            },
        };
        let proxy = if is_loopback(url) {
            None
        } else {
            self.network.proxy_for(url)
        };
        let mut request = self
            .agent
            .get(url.as_str())
            .header("Accept", "application/json");
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {}", token.expose()));
        }
        let request = request.config().timeout_global(Some(left)).proxy(proxy);
        let mut response = request.build().call().map_err(failed)?;
        match response.status().as_u16() {
            200 => {
                let body = response.body_mut().with_config().limit(MAX_BODY);
                body.read_to_vec().map(Answer::Body).map_err(failed)
            }
            301 | 302 | 303 | 307 | 308 => response
                .headers()
                .get("location")
                .and_then(|location| location.to_str().ok())
                .and_then(|location| url.join(location).ok())
                .map(Answer::Redirect)
                .ok_or_else(|| UserinfoError::Redirect(url.to_string())),
            status => Err(UserinfoError::Status {
                url: url.to_string(),
                status,
            }),
        }
    }
}

/// https, or http on this machine where that is what we came from.
fn acceptable(address: &str, from: &str) -> Result<Url, UserinfoError> {
    Url::parse(address)
        .ok()
        .filter(is_acceptable)
        .filter(|url| url.scheme() == "https" || !from.starts_with("https://"))
        .ok_or_else(|| UserinfoError::NotHttps(address.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Userinfo, UserinfoError> {
        Userinfo::read(body.as_bytes(), "sub-1", "u")
    }

    #[test]
    fn row_116_and_117_only_an_object_about_the_same_person_counts() {
        let told = read(r#"{"sub":"sub-1","groups":["a"],"email":"a@x"}"#).unwrap();
        assert_eq!(
            told.json(),
            "{\"email\":\"a@x\",\"groups\":[\"a\"],\"sub\":\"sub-1\"}\n"
        );
        for body in [
            "null",
            "[]",
            "\"sub-1\"",
            "",
            "<html>",
            "{}",
            r#"{"sub":"sub-2"}"#,
            r#"{"sub":1}"#,
            r#"{"sub":"sub-2","sub":"sub-1"}"#,
            r#"{"sub":"sub-1","email":["a@x"]}"#,
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }

    #[test]
    fn the_token_goes_over_https_or_stays_on_this_machine() {
        assert!(acceptable("https://a/u", "https://a").is_ok());
        assert!(acceptable("http://127.0.0.1:1/u", "http://127.0.0.1:1").is_ok());
        for (address, from) in [
            ("http://a/u", "https://a"),
            ("http://127.0.0.1/u", "https://a"),
            ("ftp://a/u", "https://a"),
            ("x", "https://a"),
        ] {
            assert!(acceptable(address, from).is_err(), "{address}");
        }
    }
}
