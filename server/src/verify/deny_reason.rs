//! Why a certificate is refused.

use std::path::Path;

use opkssh_protocol::certificate::CertificateError;
use opkssh_protocol::pk_token::PkTokenError;
use opkssh_protocol::printable::quoted;

use crate::authorized_keys::UnsafeLine;
use crate::policy::PolicyDenial;
use crate::providers::ProviderRefusal;

/// A no. The texts may quote the token's claims: escape them where they are shown.
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
    /// Did somebody say that just this must not be? Then nobody else is to be asked either.
    pub fn is_by_deny_list(&self) -> bool {
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
}

impl DenyReason {
    /// Returns true if nothing allows it, which another source may.
    pub fn is_no_rule(&self) -> bool {
        matches!(self, Self::Policy(PolicyDenial::NoRule { .. }))
    }

    /// Names one more file that does not allow it.
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
