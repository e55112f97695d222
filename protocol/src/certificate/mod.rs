//! SSH user certificates that carry a PK token (PROTOCOL.certkeys; extension `openpubkey-pkt`).
//!
//! A parsed one is [`UnverifiedCertificate`]; only [`verify()`] makes it a
//! [`VerifiedCertificate`].

mod peek;
mod unverified;
mod verify;

#[cfg(feature = "mint")]
mod build;

#[cfg(feature = "mint")]
pub use build::{CertificateRequest, MintError, build};
pub use peek::peek;
pub use unverified::{UnverifiedCertificate, public_key};
pub use verify::{VerifiedCertificate, is_principal, verify};

use crate::jwk::KeyError;
use crate::printable::quoted;
use crate::time::UnixTime;
use crate::wire;

/// Known certificate types by their wire names: those of P-256 and Ed25519 keys.
pub const CERTIFICATE_TYPES: [&str; 2] = [
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ssh-ed25519-cert-v01@openssh.com",
];
/// Extension with the compact PK token.
pub const PK_TOKEN_EXTENSION: &str = "openpubkey-pkt";
/// Extension with the access token, if the account sends it.
pub const ACCESS_TOKEN_EXTENSION: &str = "openpubkey-act";
/// Principal of certificates without a list of local accounts. OpenSSH 10.3 refuses an empty list,
/// so clients write this principal and servers repeat it.
pub const WILDCARD_PRINCIPAL: &str = "opkssh-wildcard";
/// Permissions of a certificate, unless the account narrows them.
pub const PERMITS: [&str; 5] = [
    "permit-X11-forwarding",
    "permit-agent-forwarding",
    "permit-port-forwarding",
    "permit-pty",
    "permit-user-rc",
];

/// Reason for refusing a certificate.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum CertificateError {
    #[error("certificate: {0} bytes are too many")]
    Size(usize),
    #[error("parsed SSH authorized_key is not an SSH certificate (got type {})", quoted(.0))]
    NotACertificate(String),
    #[error("certificate: {0}")]
    Malformed(String),
    #[error("cert is missing required openpubkey-pkt extension")]
    NoPkToken,
    #[error("certificate: key type {} is not supported, only P-256 and Ed25519 are", quoted(.0))]
    KeyType(String),
    #[error("certificate: is not a user certificate")]
    NotAUser,
    #[error("certificate: is not signed by its own key")]
    OtherAuthority,
    #[error("certificate: {0}")]
    Signature(#[from] KeyError),
    #[error("certificate: valid from {0} on, which is not yet")]
    NotYetValid(UnixTime),
    #[error("certificate: expired at {0}")]
    Expired(UnixTime),
    #[error("cert contains invalid principal {}, rejecting authn", quoted(.0))]
    Principal(String),
    #[error("certificate: critical option {} is not supported", quoted(.0))]
    CriticalOption(String),
}

impl From<wire::Malformed> for CertificateError {
    fn from(_: wire::Malformed) -> Self {
        Self::Malformed("truncated".to_owned())
    }
}
