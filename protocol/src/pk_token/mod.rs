//! PK tokens: an ID token and a user key's signature over the same payload.
//!
//! A parsed one is [`UnverifiedPkToken`]; only [`verify()`] makes it a [`VerifiedPkToken`].

mod compact;
mod expiration;
mod verify;

pub use compact::UnverifiedPkToken;
pub use expiration::{ExpirationError, ExpirationPolicy, TokenTimes, UnknownExpirationPolicy};
pub use verify::{
    AuthenticPkToken, BoundPkToken, TrustedProvider, VerifiedPkToken, authenticate, precheck,
    verify, verify_refreshed,
};

use crate::base64url::Base64Error;
use crate::cic::CicError;
use crate::id_token::IdTokenError;
use crate::json::JsonError;
use crate::jwk::KeyError;
use crate::printable::quoted;

/// Reason for refusing a PK token.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum PkTokenError {
    #[error("PK token: {0} bytes are too many")]
    Size(usize),
    #[error("PK token: invalid number of segments, got {0}")]
    Segments(usize),
    #[error("PK token: invalid refreshed ID token: {0}")]
    Refreshed(IdTokenError),
    #[error("PK token: {0}")]
    Base64(#[from] Base64Error),
    #[error("PK token: {0}")]
    Json(#[from] JsonError),
    #[error("PK token: unrecognized signature type {}", quoted(.0))]
    Typ(String),
    #[error("PK token: more than one {0} signature")]
    Twice(&'static str),
    #[error("PK token: no {0} signature")]
    Missing(&'static str),
    #[error("PK token: {0}")]
    Cic(#[from] CicError),
    #[error("PK token: error verifying client signature: {0}")]
    CicSignature(KeyError),
    #[error("PK token: {0}")]
    IdToken(#[from] IdTokenError),
    #[error("PK token: missing commitment claim {0}")]
    NoCommitment(&'static str),
    #[error(
        "PK token: commitment claim doesn't match, got {}, expected {expected}",
        quoted(got)
    )]
    Commitment { got: String, expected: String },
    #[error("PK token: refreshed ID token: {0}")]
    RefreshedMismatch(&'static str),
    /// Returns the reason with the part that it is about.
    #[error("{0}")]
    RefreshedUnusable(String),
    #[error("PK token: {0}")]
    Expiration(#[from] ExpirationError),
}
