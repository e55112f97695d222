//! Errors of verify and explain.

use std::io;
use std::sync::Arc;

use opkssh_protocol::pk_token::PkTokenError;
use opkssh_protocol::printable::printable;

use crate::admin_error::AdminError;
use crate::etc::{self, AUTH_ID, EtcError};
use crate::files::FileError;
use crate::home::NoHomePolicy;
use crate::key_source::{JwksFileError, KeySourceError};
use crate::policy::PolicyDenial;
use crate::providers::ProviderRefusal;
use crate::table;
use crate::verify::DenyReason;

#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Quotes tokens and certificates, so it is escaped: it goes to sshd's log.
    #[error("{}", printable(&.0.to_string()))]
    Denied(#[from] DenyReason),
    #[error("{0}")]
    Etc(#[from] EtcError),
    #[error("the keys of {issuer} cannot be read: {error}")]
    JwksFile {
        issuer: String,
        error: JwksFileError,
    },
    #[error("failed to get the provider's keys: {0}")]
    Keys(#[from] KeySourceError),
    #[error("error loading policy: {system}; {home}")]
    NoPolicy {
        system: Arc<FileError>,
        home: Box<NoHomePolicy>,
    },
    #[error("the answer to sshd cannot be written: {0}")]
    Output(io::Error),
    #[error("internal error (panic{})", place.as_deref().unwrap_or_default())]
    Panic { place: Option<String> },
}

impl VerifyError {
    /// Returns true if the fallback command may still accept the key. False if a deny list refused
    /// the login or could not be read, and after internal errors.
    pub fn allows_fallback(&self) -> bool {
        match self {
            Self::Denied(reason) => !reason.is_final(),
            Self::Etc(error) => error.allows_fallback(),
            Self::JwksFile { .. } | Self::Keys(_) | Self::NoPolicy { .. } => true,
            Self::Output(_) | Self::Panic { .. } => false,
        }
    }

    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Denied(reason) => hint_for(reason),
            Self::Etc(error) => error.hint(),
            Self::NoPolicy { system, .. } => etc::hint_for(system, AUTH_ID.mode),
            Self::JwksFile { error, .. } => error.hint(),
            Self::Keys(_) => Some(
                "Run: curl ISSUER/.well-known/openid-configuration; behind a proxy, set HTTPS_PROXY \
                 under env_vars in /etc/opk/config.yml"
                    .into(),
            ),
            Self::Output(_) | Self::Panic { .. } => None,
        }
    }
}

impl From<VerifyError> for AdminError {
    fn from(error: VerifyError) -> Self {
        Self::new(&error).with_hint(error.hint())
    }
}

fn hint_for(reason: &DenyReason) -> Option<String> {
    Some(match reason {
        DenyReason::Policy(PolicyDenial::NoRule {
            who,
            issuer,
            principal,
            ..
        }) => {
            // shell-quoted, because the words come from the token
            let row = table::write_row([principal, who, issuer]).ok()?;
            format!(
                "To allow it, run: sudo opkssh add {}",
                printable(row.trim_end())
            )
        }
        DenyReason::Provider(ProviderRefusal::Unknown { .. }) => {
            "Compare the issuer, byte for byte, with the rows of /etc/opk/providers".into()
        }
        DenyReason::PkToken(error) if matches!(**error, PkTokenError::Expiration(_)) => {
            "A new login is needed: opkssh login. How long one counts says the third column of \
             /etc/opk/providers"
                .into()
        }
        DenyReason::Policy(PolicyDenial::Revoked(_)) => {
            "To undo the revocation, remove its line from revoked.yml beside auth_id".into()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
