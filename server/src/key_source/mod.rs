//! Sources of an issuer's keys: the provider ([`Network`](crate::http::Network)), and a cache on disk ([`KeyCache`]).

mod age;
mod cache;
mod entry;
mod jwks_file;
mod location;
mod provider;
mod store;

pub use age::{Bounds, KeyUse, userinfo_must_wait};
pub use cache::{CachedKeys, KeyCache};
pub use entry::{Attempt, Entry};
pub use jwks_file::{JwksFileError, read_jwks_file};
pub use location::{find as find_cache, locate, own_of_account, protected};
pub use provider::WhenAsked;
pub use store::{KeyStoreError, Store};

use std::time::Duration;

use opkssh_protocol::key_set::KeySet;

use crate::deadline::{Deadline, seconds};
use crate::http::{HttpError, NetworkError};

/// Time limit of one `verify` for a provider, well within sshd's LoginGraceTime: waiting for the
/// lock, discovery, keys and userinfo.
pub const PROVIDER_TIMEOUT: Duration = Duration::from_secs(10);

/// Source of an issuer's keys. [`Network`](crate::http::Network) asks the provider each time.
pub trait KeySource {
    /// Returns the keys that the provider with exactly this name publishes now.
    fn fetch(&self, issuer: &str, deadline: Deadline) -> Result<PublishedKeys, KeySourceError>;
}

/// A key set from its provider.
#[derive(Debug, Clone)]
pub struct PublishedKeys {
    pub keys: KeySet,
    /// The key set as sent (JSON).
    pub document: String,
    /// How long the key set stays valid (`Cache-Control: max-age`, RFC 9111 section 5.2.2), less
    /// `Age`; zero for `no-store` and `no-cache`.
    pub max_age: Option<Duration>,
}

#[derive(Debug, thiserror::Error)]
pub enum KeySourceError {
    #[error("env_vars of the server config: {0}")]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("{url}: no usable key among those published")]
    NoKeys { url: String },
    #[error(
        "{issuer} was asked {ago} s ago without an answer{}, and is asked again in {again} s",
        previous_failure(failure.as_deref())
    )]
    AskedJustNow {
        issuer: String,
        ago: i64,
        again: i64,
        failure: Option<String>,
    },
    #[error("other processes have been asking {issuer} for {} s without a result", seconds(*waited))]
    OthersAreAsking { issuer: String, waited: Duration },
    #[error(
        "{error}; the keys of {hours} h ago are past the time for which they may stand in for an \
         answer ({bound} h)"
    )]
    Stale {
        error: Box<KeySourceError>,
        hours: i64,
        bound: u64,
    },
}

pub(crate) fn previous_failure(failure: Option<&str>) -> String {
    failure.map_or_else(String::new, |failure| format!(" ({failure})"))
}
