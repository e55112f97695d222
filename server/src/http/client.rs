//! GET requests to one provider with a common deadline.

use std::io;
use std::time::Duration;

use opkssh_protocol::config::{is_https_or_loopback, is_loopback};
use opkssh_protocol::json::{self, Object};
use opkssh_protocol::printable::quoted;
use opkssh_protocol::secret::Secret;
use serde_json::Value;
use ureq::Agent;
use ureq::http::HeaderMap;
use url::Url;

use super::Network;
use crate::deadline::{Deadline, seconds};

const MAX_REDIRECTS: usize = 5;
/// Largest response, in bytes.
const MAX_BODY: u64 = 1024 * 1024;

// never quotes the response, which may contain anything
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("{url}: {error}")]
    Request {
        url: String,
        error: Box<ureq::Error>,
    },
    #[error("{url}: HTTP status {status}")]
    Status { url: String, status: u16 },
    #[error("{url}: {problem}")]
    Answer { url: String, problem: String },
    #[error("{} is not an https URL", quoted(.0))]
    NotHttps(String),
    #[error(
        "issuer does not match: {url} names {}, configured is {expected:?}",
        quoted(got)
    )]
    Issuer {
        url: String,
        got: String,
        expected: String,
    },
    #[error("the provider of {issuer} did not answer within {} s", seconds(*deadline))]
    Deadline { issuer: String, deadline: Duration },
}

impl HttpError {
    /// Returns the error of an answer that cannot be used.
    pub fn answer(url: &str, problem: impl ToString) -> Self {
        Self::Answer {
            url: url.to_owned(),
            problem: problem.to_string(),
        }
    }

    /// Returns true for a time-out or a refused connection of any request.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Deadline { .. } => true,
            Self::Request { error, .. } => matches!(
                error.as_ref(),
                ureq::Error::Io(error) if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionRefused | io::ErrorKind::TimedOut
                )
            ),
            _ => false,
        }
    }
}

/// A client for requests to one provider.
pub struct HttpClient<'a> {
    agent: Agent,
    network: &'a Network,
    issuer: &'a str,
    deadline: Deadline,
    /// Time left when the client was created.
    given: Duration,
}

pub enum Answer {
    Document(Document),
    Redirect(Url),
}

/// The body of a response with status 200.
pub struct Document {
    pub bytes: Vec<u8>,
    /// How long the response stays valid; zero if unknown.
    pub max_age: Option<Duration>,
}

impl<'a> HttpClient<'a> {
    /// Creates a client for the provider with exactly this name.
    pub fn new(issuer: &'a str, network: &'a Network, deadline: Deadline) -> Self {
        Self {
            agent: network.agent(),
            network,
            issuer,
            deadline,
            given: deadline.remaining(),
        }
    }

    /// Returns the address under `member` of the provider's discovery document (OpenID Connect
    /// Discovery 1.0 section 4).
    pub fn discover(&self, member: &'static str) -> Result<Url, HttpError> {
        let url = discovery_url(self.issuer);
        let document = self.document(acceptable(&url, self.issuer)?)?;
        discovered(&document.bytes, member, &url, self.issuer)
    }

    /// Requests a document and follows redirects.
    pub fn document(&self, mut url: Url) -> Result<Document, HttpError> {
        let asked = url.to_string();
        for _ in 0..=MAX_REDIRECTS {
            match self.get(&url, None)? {
                Answer::Document(document) => return Ok(document),
                Answer::Redirect(next) => url = next,
            }
        }
        let problem = format!("more than {MAX_REDIRECTS} redirects");
        Err(HttpError::answer(&asked, problem))
    }

    /// Sends one request, with `token` as the bearer token (RFC 6750 section 2.1) if given.
    pub fn get(&self, url: &Url, token: Option<&Secret>) -> Result<Answer, HttpError> {
        let late = || HttpError::Deadline {
            issuer: self.issuer.to_owned(),
            deadline: self.given,
        };
        let failed = |error| match error {
            ureq::Error::Timeout(_) => late(),
            error => HttpError::Request {
                url: url.to_string(),
                error: Box::new(error),
            },
        };
        let left = self.deadline.remaining();
        if left.is_zero() {
            return Err(late());
        }
        let proxy = if is_loopback(url) {
            None
        } else {
            self.network.proxy_for(url)
        };
        let request = self.agent.get(url.as_str());
        let mut request = request.header("Accept", "application/json");
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {}", token.expose()));
        }
        let request = request.config().timeout_global(Some(left)).proxy(proxy);
        let mut response = request.build().call().map_err(failed)?;
        match response.status().as_u16() {
            200 => {
                let max_age = max_age(response.headers());
                let body = response.body_mut().with_config().limit(MAX_BODY);
                let bytes = body.read_to_vec().map_err(failed)?;
                Ok(Answer::Document(Document { bytes, max_age }))
            }
            301 | 302 | 303 | 307 | 308 => {
                let location = response.headers().get("location");
                let location = location.and_then(|location| location.to_str().ok());
                let next = location.and_then(|location| url.join(location).ok());
                let next = next.ok_or_else(|| {
                    HttpError::answer(url.as_str(), "redirected without a valid address")
                })?;
                acceptable(next.as_str(), url.as_str()).map(Answer::Redirect)
            }
            status => Err(HttpError::Status {
                url: url.to_string(),
                status,
            }),
        }
    }
}

/// Parses an address. Fails unless it is https, or http to this machine and not reached from https.
fn acceptable(address: &str, from: &str) -> Result<Url, HttpError> {
    Url::parse(address)
        .ok()
        .filter(is_https_or_loopback)
        .filter(|url| url.scheme() == "https" || !from.starts_with("https://"))
        .ok_or_else(|| HttpError::NotHttps(address.to_owned()))
}

fn discovery_url(issuer: &str) -> String {
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    format!("{base}/.well-known/openid-configuration")
}

/// Returns the address under `member` of a discovery document, which must name exactly this issuer.
/// Errors name `url`.
pub fn discovered(
    document: &[u8],
    member: &'static str,
    url: &str,
    issuer: &str,
) -> Result<Url, HttpError> {
    let document = json::parse_object(document).map_err(|error| HttpError::answer(url, error))?;
    let got = text(&document, "issuer", url)?;
    if got != issuer {
        return Err(HttpError::Issuer {
            url: url.to_owned(),
            got,
            expected: issuer.to_owned(),
        });
    }
    acceptable(&text(&document, member, url)?, issuer)
}

fn text(document: &Object, member: &'static str, url: &str) -> Result<String, HttpError> {
    let text = document.get(member).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| HttpError::answer(url, format!("no {member:?} in the discovery document")))
}

/// Returns the freshness lifetime (RFC 9111 sections 5.1 and 5.2.2); the shortest of several
/// directives counts.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all("cache-control").into_iter();
    let words = lines.filter_map(|line| line.to_str().ok());
    let lifetimes = words
        .flat_map(|line| line.split(','))
        .filter_map(|directive| {
            let directive = directive.trim().to_ascii_lowercase();
            match directive.split_once('=') {
                Some(("max-age", seconds)) => seconds.trim_matches('"').parse().ok(),
                None if directive == "no-store" || directive == "no-cache" => Some(0),
                _ => None,
            }
        });
    let shortest: Option<u64> = lifetimes.min();
    let age = headers
        .get("age")
        .and_then(|age| age.to_str().ok()?.trim().parse::<u64>().ok())
        .unwrap_or_default();
    shortest.map(|seconds| Duration::from_secs(seconds.saturating_sub(age)))
}

#[cfg(test)]
mod tests;
