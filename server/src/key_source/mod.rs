//! Where an issuer's keys come from: the provider ([`HttpKeySource`]), with what it said last kept
//! on disk between one verify and the next ([`KeyCache`]).

mod age;
mod cache;
mod entry;
mod jwks_file;
mod location;
mod provider;
mod store;

pub use age::{Bounds, Standing, userinfo_must_wait};
pub use cache::{CachedKeys, KeyCache, Origin};
pub use entry::{Attempt, Entry};
pub use jwks_file::{JwksFileError, read_jwks_file};
pub use location::{CacheChoice, find_of as find_cache, locate, own_of_account, protected};
pub use provider::{HttpKeySource, WhenAsked};
pub use store::{Store, StoreError};

use std::time::Duration;

use opkssh_protocol::key_set::KeySet;

use crate::deadline::{Deadline, seconds};
use crate::http::{HttpError, NetworkError};

/// How long all that one `verify` asks a provider may take: waiting for others who ask it,
/// discovery, keys and userinfo. sshd's LoginGraceTime is running.
pub const PROVIDER_TIMEOUT: Duration = Duration::from_secs(10);

/// Gives the keys of an issuer. [`HttpKeySource`] asks the provider each time.
pub trait KeySource {
    /// What the provider of exactly this name publishes now.
    fn fetch(&self, issuer: &str, deadline: Deadline) -> Result<Published, KeySourceError>;
}

/// A key set as it came from its provider.
#[derive(Debug, Clone)]
pub struct Published {
    pub keys: KeySet,
    /// The same as it was sent (JSON).
    pub document: String,
    /// How long the provider says that it stays as it is (`Cache-Control: max-age`, RFC 9111
    /// section 5.2.2), less `Age`; zero for `no-store` and `no-cache`.
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
        said(failure.as_deref())
    )]
    AskedJustNow {
        issuer: String,
        ago: i64,
        again: i64,
        failure: Option<String>,
    },
    #[error("others have been asking {issuer} for {} s without an end", seconds(*waited))]
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

fn said(failure: Option<&str>) -> String {
    failure.map_or_else(String::new, |failure| format!(" ({failure})"))
}
