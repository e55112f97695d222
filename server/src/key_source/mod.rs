//! Where an issuer's keys come from.

mod http;
mod network;

pub use http::HttpKeySource;
pub use network::{Network, NetworkError, without_effect};

use std::time::Duration;

use opkssh_protocol::json::JsonError;
use opkssh_protocol::key_set::KeySet;

/// Gives the keys of an issuer. [`HttpKeySource`] asks the provider each time.
pub trait KeySource {
    /// The keys that the provider of exactly this name publishes now.
    fn keys(&self, issuer: &str) -> Result<KeySet, KeySourceError>;
}

#[derive(Debug, thiserror::Error)]
pub enum KeySourceError {
    #[error("{url}: {error}")]
    Request {
        url: String,
        error: Box<ureq::Error>,
    },
    #[error("{url}: HTTP status {status}")]
    Status { url: String, status: u16 },
    #[error("{url}: more than {max} redirects", max = http::MAX_REDIRECTS)]
    Redirects { url: String },
    #[error("{0} is not an https URL")]
    NotHttps(String),
    #[error("{url}: {error}")]
    Json { url: String, error: JsonError },
    #[error("{url}: no {member:?} in the discovery document")]
    Discovery { url: String, member: &'static str },
    #[error("issuer does not match: {url} names {got:?}, configured is {expected:?}")]
    Issuer {
        url: String,
        got: String,
        expected: String,
    },
    #[error("the provider of {issuer} did not answer within {} s", deadline.as_secs())]
    Deadline { issuer: String, deadline: Duration },
    #[error("{url}: no usable key among those published")]
    NoKeys { url: String },
}
