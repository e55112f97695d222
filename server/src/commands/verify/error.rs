//! What verify and explain can fail with.

use std::io;
use std::sync::Arc;

use opkssh_protocol::pk_token::PkTokenError;
use opkssh_protocol::printable::printable;

use crate::etc::{self, AUTH_ID, EtcError};
use crate::files::FileError;
use crate::key_source::{JwksFileError, KeySourceError};
use crate::monitor_messages::NoHomePolicy;
use crate::policy::PolicyDenial;
use crate::providers::ProviderRefusal;
use crate::table;
use crate::verify::DenyReason;

#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Quotes what tokens and certificates say, so it is escaped: it ends in sshd's log.
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
    /// Returns true if another command may still let the key in. False where a deny list refused
    /// or could not be read, and where it is unclear what happened.
    pub fn leaves_it_to_others(&self) -> bool {
        match self {
            Self::Denied(reason) => !reason.is_final(),
            Self::Etc(error) => error.leaves_it_to_others(),
            Self::JwksFile { .. } | Self::Keys(_) | Self::NoPolicy { .. } => true,
            Self::Output(_) | Self::Panic { .. } => false,
        }
    }

    /// Returns the next thing to do, where there is one.
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

fn hint_for(reason: &DenyReason) -> Option<String> {
    Some(match reason {
        DenyReason::Policy(PolicyDenial::NoRule {
            who,
            issuer,
            principal,
            ..
        }) => {
            // quoted: the words are the token's, and a shell will read them
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
            "Whoever revoked it wrote it to revoked.yml beside auth_id; remove the line to undo it"
                .into()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_rule(who: &str) -> VerifyError {
        DenyReason::Policy(PolicyDenial::NoRule {
            who: who.into(),
            issuer: "https://i".into(),
            principal: "dev".into(),
            sources: vec![],
        })
        .into()
    }

    #[test]
    fn what_a_token_says_is_escaped_in_messages() {
        let text = no_rule("a\n\u{1b}[2J").to_string();
        assert!(!text.contains(char::is_control), "{text:?}");
    }

    #[test]
    fn a_hint_cannot_run_anything_else() {
        let hint = |who| no_rule(who).hint();
        assert_eq!(
            hint("a@x").unwrap(),
            "To allow it, run: sudo opkssh add dev a@x https://i"
        );
        assert_eq!(
            hint("a;reboot $(x)").unwrap(),
            "To allow it, run: sudo opkssh add dev 'a;reboot $(x)' https://i"
        );
        assert_eq!(
            hint("a;b").unwrap(),
            r"To allow it, run: sudo opkssh add dev a\;b https://i"
        );
        assert_eq!(hint("a\nb"), None);
    }
}
