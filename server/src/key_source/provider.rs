//! Discovery and key set over HTTPS (OpenID Connect Discovery 1.0 section 4, RFC 7517 section 5).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use opkssh_protocol::json::{self, Object};
use opkssh_protocol::key_set::KeySet;
use serde_json::Value;
use ureq::Agent;
use ureq::http::HeaderMap;
use url::Url;

use super::{KeySource, KeySourceError, Network, Published};
use crate::providers::{is_acceptable, is_loopback};

pub(super) const MAX_REDIRECTS: usize = 5;
/// Largest answer, in bytes.
const MAX_BODY: u64 = 1024 * 1024;

/// Asks the provider.
pub struct HttpKeySource {
    agent: Agent,
    network: Network,
}

impl HttpKeySource {
    pub fn new(network: Network) -> Self {
        Self {
            agent: network.agent(),
            network,
        }
    }

    fn document(&self, address: &str, time: &Time<'_>) -> Result<Document, KeySourceError> {
        let mut url = parse(address)?;
        for _ in 0..=MAX_REDIRECTS {
            match self.get(&url, time)? {
                Answer::Document(document) => return Ok(document),
                Answer::Redirect(next) => url = next,
            }
        }
        Err(KeySourceError::Redirects {
            url: address.to_owned(),
        })
    }

    fn get(&self, url: &Url, time: &Time<'_>) -> Result<Answer, KeySourceError> {
        let late = || KeySourceError::Deadline {
            issuer: time.issuer.to_owned(),
            deadline: time.deadline,
        };
        let left = time.until.saturating_duration_since(Instant::now());
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
        let max_age = max_age(response.headers());
        let body = response
            .body_mut()
            .with_config()
            .limit(MAX_BODY)
            .read_to_vec();
        body.map(|bytes| Answer::Document(Document { bytes, max_age }))
            .map_err(|error| match error {
                ureq::Error::Timeout(_) => late(),
                error => KeySourceError::Request {
                    url: text,
                    error: Box::new(error),
                },
            })
    }
}

/// For discovery and keys together, redirects included.
struct Time<'a> {
    until: Instant,
    deadline: Duration,
    issuer: &'a str,
}

enum Answer {
    Document(Document),
    Redirect(Url),
}

struct Document {
    bytes: Vec<u8>,
    max_age: Option<Duration>,
}

impl KeySource for HttpKeySource {
    fn fetch(&self, issuer: &str, deadline: Duration) -> Result<Published, KeySourceError> {
        let time = Time {
            until: Instant::now() + deadline,
            deadline,
            issuer,
        };
        let address = discovery_url(issuer);
        let discovery = self.document(&address, &time)?;
        let jwks_uri = jwks_uri(&discovery.bytes, &address, issuer)?;
        if issuer.starts_with("https://") && !jwks_uri.starts_with("https://") {
            return Err(KeySourceError::NotHttps(jwks_uri));
        }
        let document = self.document(&jwks_uri, &time)?;
        let keys = KeySet::parse(&document.bytes).map_err(|error| KeySourceError::Json {
            url: jwks_uri.clone(),
            error,
        })?;
        let text = String::from_utf8(document.bytes).ok();
        let Some(text) = text.filter(|_| !keys.is_empty()) else {
            return Err(KeySourceError::NoKeys { url: jwks_uri });
        };
        Ok(Published {
            keys,
            document: text,
            max_age: document.max_age,
        })
    }
}

/// [`HttpKeySource`], made when it is needed: most runs of verify ask nobody, and need neither TLS
/// nor trusted roots.
pub struct WhenAsked<'a> {
    /// `env_vars` of the server configuration; the environment stands in for names not there.
    pub env_vars: &'a BTreeMap<String, String>,
}

impl KeySource for WhenAsked<'_> {
    fn fetch(&self, issuer: &str, deadline: Duration) -> Result<Published, KeySourceError> {
        let network = Network::new(self.env_vars, |name| std::env::var(name).ok())?;
        HttpKeySource::new(network).fetch(issuer, deadline)
    }
}

/// RFC 9111 sections 5.1 and 5.2.2. Of several directives the shortest counts.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let mut shortest: Option<u64> = None;
    let lines = headers.get_all("cache-control").into_iter();
    let words = lines.filter_map(|line| line.to_str().ok());
    for directive in words.flat_map(|line| line.split(',')) {
        let directive = directive.trim().to_ascii_lowercase();
        let seconds = match directive.split_once('=') {
            Some(("max-age", seconds)) => seconds.trim_matches('"').parse().ok(),
            None if directive == "no-store" || directive == "no-cache" => Some(0),
            _ => None,
        };
        shortest = match (shortest, seconds) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    let age = headers
        .get("age")
        .and_then(|age| age.to_str().ok()?.trim().parse::<u64>().ok())
        .unwrap_or_default();
    shortest.map(|seconds| Duration::from_secs(seconds.saturating_sub(age)))
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
    fn how_long_the_provider_says() {
        for (lines, expected) in [
            (&[][..], None),
            (&[("cache-control", "public, max-age=300")], Some(300)),
            (&[("cache-control", "Max-Age=\"60\", immutable")], Some(60)),
            (&[("cache-control", "max-age=300, no-store")], Some(0)),
            (&[("cache-control", "no-cache")], Some(0)),
            (&[("cache-control", "max-age=soon")], None),
            (&[("cache-control", "s-maxage=5, x=1")], None),
            (
                &[
                    ("cache-control", "max-age=300"),
                    ("cache-control", "max-age=200"),
                ],
                Some(200),
            ),
            (
                &[("cache-control", "max-age=300"), ("age", "100")],
                Some(200),
            ),
            (&[("cache-control", "max-age=300"), ("age", "400")], Some(0)),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, value.parse().unwrap());
            }
            let expected = expected.map(Duration::from_secs);
            assert_eq!(max_age(&headers), expected, "{lines:?}");
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
