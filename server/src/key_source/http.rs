//! Discovery and key set over HTTPS (OpenID Connect Discovery 1.0 section 4, RFC 7517 section 5).

use std::time::{Duration, Instant};

use opkssh_protocol::json::{self, Object};
use opkssh_protocol::key_set::KeySet;
use serde_json::Value;
use ureq::Agent;
use url::Url;

use super::{KeySource, KeySourceError, Network};
use crate::providers::{is_acceptable, is_loopback};

const DEADLINE: Duration = Duration::from_secs(10);
pub(super) const MAX_REDIRECTS: usize = 5;
/// Largest answer, in bytes.
const MAX_BODY: u64 = 1024 * 1024;

/// Asks the provider.
pub struct HttpKeySource {
    agent: Agent,
    network: Network,
    deadline: Duration,
}

impl HttpKeySource {
    /// Waits 10 seconds at most.
    pub fn new(network: Network) -> Self {
        Self {
            agent: network.agent(),
            network,
            deadline: DEADLINE,
        }
    }

    /// Waits this long at most, for discovery and keys together, redirects included.
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    fn document(
        &self,
        address: &str,
        until: Instant,
        issuer: &str,
    ) -> Result<Vec<u8>, KeySourceError> {
        let mut url = parse(address)?;
        for _ in 0..=MAX_REDIRECTS {
            match self.get(&url, until, issuer)? {
                Answer::Document(bytes) => return Ok(bytes),
                Answer::Redirect(next) => url = next,
            }
        }
        Err(KeySourceError::Redirects {
            url: address.to_owned(),
        })
    }

    fn get(&self, url: &Url, until: Instant, issuer: &str) -> Result<Answer, KeySourceError> {
        let late = || KeySourceError::Deadline {
            issuer: issuer.to_owned(),
            deadline: self.deadline,
        };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late());
        }
        let text = url.to_string();
        let proxy = if is_loopback(url) {
            None
        } else {
            self.network.proxy_for(url)
        };
        let mut response = self
            .agent
            .get(&text)
            .header("Accept", "application/json")
            .config()
            .timeout_global(Some(left))
            .proxy(proxy)
            .build()
            .call()
            .map_err(|error| match error {
                ureq::Error::Timeout(_) => late(),
                error => KeySourceError::Request {
                    url: text.clone(),
                    error: Box::new(error),
                },
            })?;
        let status = response.status();
        if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            let location = response
                .headers()
                .get("location")
                .and_then(|value| value.to_str().ok());
            let status = status.as_u16();
            let location = location.ok_or(KeySourceError::Status {
                url: text.clone(),
                status,
            })?;
            let next = url
                .join(location)
                .map_err(|_| KeySourceError::NotHttps(location.to_owned()))?;
            // from https never to http, not even on this machine
            if !is_acceptable(&next) || (url.scheme() == "https" && next.scheme() != "https") {
                return Err(KeySourceError::NotHttps(next.to_string()));
            }
            return Ok(Answer::Redirect(next));
        }
        if status.as_u16() != 200 {
            return Err(KeySourceError::Status {
                url: text,
                status: status.as_u16(),
            });
        }
        let body = response
            .body_mut()
            .with_config()
            .limit(MAX_BODY)
            .read_to_vec();
        body.map(Answer::Document).map_err(|error| match error {
            ureq::Error::Timeout(_) => late(),
            error => KeySourceError::Request {
                url: text,
                error: Box::new(error),
            },
        })
    }
}

enum Answer {
    Document(Vec<u8>),
    Redirect(Url),
}

impl KeySource for HttpKeySource {
    fn keys(&self, issuer: &str) -> Result<KeySet, KeySourceError> {
        let until = Instant::now() + self.deadline;
        let address = discovery_url(issuer);
        let discovery = self.document(&address, until, issuer)?;
        let jwks_uri = jwks_uri(&discovery, &address, issuer)?;
        if issuer.starts_with("https://") && !jwks_uri.starts_with("https://") {
            return Err(KeySourceError::NotHttps(jwks_uri));
        }
        let keys = self.document(&jwks_uri, until, issuer)?;
        let keys = KeySet::parse(&keys).map_err(|error| KeySourceError::Json {
            url: jwks_uri.clone(),
            error,
        })?;
        if keys.is_empty() {
            return Err(KeySourceError::NoKeys { url: jwks_uri });
        }
        Ok(keys)
    }
}

fn discovery_url(issuer: &str) -> String {
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    format!("{base}/.well-known/openid-configuration")
}

/// The key set's address from a discovery document that names exactly this issuer.
fn jwks_uri(document: &[u8], url: &str, issuer: &str) -> Result<String, KeySourceError> {
    let document = json::parse_object(document).map_err(|error| KeySourceError::Json {
        url: url.to_owned(),
        error,
    })?;
    let text = |member: &'static str| text(&document, member, url);
    let named = text("issuer")?;
    if named != issuer {
        return Err(KeySourceError::Issuer {
            url: url.to_owned(),
            got: named,
            expected: issuer.to_owned(),
        });
    }
    text("jwks_uri")
}

fn text(document: &Object, member: &'static str, url: &str) -> Result<String, KeySourceError> {
    document
        .get(member)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| KeySourceError::Discovery {
            url: url.to_owned(),
            member,
        })
}

fn parse(address: &str) -> Result<Url, KeySourceError> {
    Url::parse(address)
        .ok()
        .filter(is_acceptable)
        .ok_or_else(|| KeySourceError::NotHttps(address.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://op.example";

    fn discovery(document: &str) -> Result<String, KeySourceError> {
        jwks_uri(document.as_bytes(), "u", ISSUER)
    }

    #[test]
    fn at_most_one_slash_goes() {
        for (issuer, expected) in [
            ("https://a", "https://a/.well-known/openid-configuration"),
            ("https://a/", "https://a/.well-known/openid-configuration"),
            (
                "https://a/b//",
                "https://a/b//.well-known/openid-configuration",
            ),
        ] {
            assert_eq!(discovery_url(issuer), expected);
        }
    }

    #[test]
    fn row_60_the_document_must_name_the_issuer() {
        let ok = r#"{"issuer":"https://op.example","jwks_uri":"https://op.example/keys","x":1}"#;
        assert_eq!(discovery(ok).unwrap(), "https://op.example/keys");
        for bad in [
            r#"{"issuer":"https://op.example/","jwks_uri":"https://op.example/keys"}"#,
            r#"{"issuer":"https://OP.example","jwks_uri":"https://op.example/keys"}"#,
            r#"{"issuer":5,"jwks_uri":"https://op.example/keys"}"#,
            r#"{"issuer":"https://op.example"}"#,
            r#"{"issuer":"https://evil","issuer":"https://op.example","jwks_uri":"https://k"}"#,
            "[]",
            "null",
            "<html>",
            "",
        ] {
            assert!(discovery(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_https_and_loopback_are_asked() {
        for bad in [
            "http://op.example",
            "ftp://op.example",
            "file:///etc/passwd",
            "x",
            "",
        ] {
            assert!(
                matches!(parse(bad), Err(KeySourceError::NotHttps(_))),
                "{bad}"
            );
        }
        assert!(parse("http://127.0.0.1:3/x").is_ok());
    }
}
