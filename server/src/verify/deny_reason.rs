//! Reasons for refusing a certificate.

use std::path::Path;

use opkssh_protocol::certificate::CertificateError;
use opkssh_protocol::pk_token::PkTokenError;
use opkssh_protocol::printable::quoted;

use crate::authorized_keys::UnsafeLine;
use crate::policy::PolicyDenial;
use crate::providers::ProviderRefusal;

/// Reason for refusing a certificate. The texts may quote the token's claims: escape them when
/// showing them.
#[derive(Debug, thiserror::Error)]
pub enum DenyReason {
    #[error("the certificate is not base64")]
    Base64,
    #[error(
        "authorized keys key type mismatch: sshd says {}, the certificate {got:?}",
        quoted(said)
    )]
    KeyType { said: String, got: &'static str },
    #[error("{0}")]
    Certificate(#[from] CertificateError),
    #[error("{0}")]
    PkToken(Box<PkTokenError>),
    #[error("public key 'upk' in PK Token does not match public key in certificate")]
    OtherKey,
    #[error("{0}")]
    Provider(#[from] ProviderRefusal),
    #[error("{0}")]
    Policy(#[from] PolicyDenial),
    #[error("{0}")]
    UnsafeLine(#[from] UnsafeLine),
}

impl DenyReason {
    /// Returns true if nothing else may allow it: a denial applies, or the rule that allows cannot
    /// be used.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Policy(
                PolicyDenial::Email(_)
                    | PolicyDenial::User(_)
                    | PolicyDenial::Revoked(_)
                    | PolicyDenial::Rule(_)
            )
        )
    }

    /// Returns true if no rule or row allows it; another file or a plugin may.
    pub fn is_no_rule(&self) -> bool {
        matches!(self, Self::Policy(PolicyDenial::NoRule { .. }))
    }

    /// Adds a file to those that do not allow it.
    pub fn add_source(&mut self, path: &Path) {
        if let Self::Policy(PolicyDenial::NoRule { sources, .. }) = self {
            sources.push(path.display().to_string());
        }
    }
}

impl From<PkTokenError> for DenyReason {
    fn from(error: PkTokenError) -> Self {
        Self::PkToken(Box::new(error))
    }
}
