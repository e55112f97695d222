//! ID tokens: a parsed one is [`UnverifiedIdToken`]; only [`verify()`] makes it a
//! [`VerifiedIdToken`].

mod claims;
mod unverified;
mod verify;

pub use claims::Claims;
pub use unverified::UnverifiedIdToken;
pub(crate) use verify::precheck;
pub use verify::{Audience, Expected, VerifiedIdToken, verify};

use crate::base64url::Base64Error;
use crate::gq::GqError;
use crate::json::JsonError;
use crate::jwk::KeyError;
use crate::printable::{MAX_QUOTED, printable, quoted};
use crate::time::UnixTime;

/// Reason for refusing an ID token.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum IdTokenError {
    #[error("ID token: expected three parts separated by dots")]
    Parts,
    #[error("ID token: {0}")]
    Base64(#[from] Base64Error),
    #[error("ID token: {0}")]
    Json(#[from] JsonError),
    #[error("ID token: header member {0:?} is missing or has the wrong type")]
    Header(&'static str),
    #[error("ID token: critical header parameters are not supported")]
    Critical,
    #[error("ID token: claim {0:?} has the wrong type")]
    ClaimType(&'static str),
    #[error("ID token: unrecognized type {}", quoted(.0))]
    Typ(String),
    #[error("ID token: bound to a key by its provider (typ dpop+id_token), which is not supported")]
    KeyBound,
    #[error(
        "ID token: issuer is {}, expected {expected:?}{}",
        quoted(got),
        issuer_hint(got, expected)
    )]
    Issuer { got: String, expected: String },
    #[error("ID token: missing subject")]
    Subject,
    #[error(
        "ID token: audience does not contain clientID {}, aud = {}",
        expected.join(" or "),
        printable(&got.join(",")).at_most(MAX_QUOTED)
    )]
    Audience {
        got: Vec<String>,
        expected: Vec<String>,
    },
    #[error("ID token: {0}")]
    Key(#[from] KeyError),
    #[error("ID token: {0}")]
    Gq(#[from] GqError),
    #[error(
        "ID token: no matching public key found for kid {}",
        printable(.0.as_deref().unwrap_or_default()).at_most(MAX_QUOTED)
    )]
    UnknownKey(Option<String>),
    #[error("ID token: issued in the future (iat {iat}, now {now}): a clock is wrong")]
    FromTheFuture { iat: UnixTime, now: UnixTime },
    #[error("ID token: not valid before {nbf}, now is {now}")]
    NotYetValid { nbf: UnixTime, now: UnixTime },
    #[error("ID token: this issuer's tokens must be GQ signed")]
    GqRequired,
}

/// Returns a hint for common mistakes in an issuer.
fn issuer_hint(got: &str, expected: &str) -> &'static str {
    if got.trim_end_matches('/') == expected.trim_end_matches('/') {
        " (they differ in a trailing slash)"
    } else if got.eq_ignore_ascii_case(expected) {
        " (they differ in letter case)"
    } else {
        ""
    }
}
