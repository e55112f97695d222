//! What goes wrong on the server, in words for an admin: what it is, and what to type next.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use opkssh_protocol::pk_token::PkTokenError;
use opkssh_protocol::printable::printable;

use crate::account::AccountError;
use crate::commands::NoHomePolicy;
use crate::config::ConfigError;
use crate::files::FileError;
use crate::install::InstallError;
use crate::key_source::{JwksFileError, KeySourceError, StoreError};
use crate::policy::PolicyDenial;
use crate::policy::revoked::RevokedError;
use crate::policy::rules::RulesError;
use crate::providers::ProviderRefusal;
use crate::settings::SettingsError;
use crate::table::{self, Unwritable};
use crate::verify::DenyReason;

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Quotes what tokens and certificates say, so it is escaped: it ends in sshd's log.
    #[error("{}", printable(&.0.to_string()))]
    Denied(#[from] DenyReason),
    #[error("failed to load providers: {0}")]
    Providers(FileError),
    #[error("server config cannot be used, so nobody is let in: {0}")]
    ConfigFile(FileError),
    #[error("server config {path} cannot be used, so nobody is let in: {error}", path = path.display())]
    Config { path: PathBuf, error: ConfigError },
    #[error("the list of the revoked cannot be used, so nobody is let in: {0}")]
    RevokedFile(FileError),
    #[error("the list of the revoked {path} cannot be used, so nobody is let in: {error}", path = path.display())]
    Revoked { path: PathBuf, error: RevokedError },
    #[error("rules cannot be used, so nobody is let in: {0}")]
    RulesFile(FileError),
    #[error("rules {path} cannot be used, so nobody is let in: {error}", path = path.display())]
    Rules { path: PathBuf, error: RulesError },
    #[error("server settings cannot be used, so nobody is let in: {0}")]
    Settings(#[from] SettingsError),
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
    #[error("the key cache cannot be used: {0}")]
    Store(#[from] StoreError),
    #[error("{failed} of {all} providers gave no keys")]
    Refresh { failed: usize, all: usize },
    #[error("cannot run as the owner of {path}: {error}", path = path.display())]
    AsOwner { path: PathBuf, error: io::Error },
    #[error("{0}")]
    Install(#[from] InstallError),
    #[error("the answer to sshd cannot be written: {0}")]
    Output(io::Error),
    #[error("internal error (panic{})", place.as_deref().unwrap_or_default())]
    Panic { place: Option<String> },
    #[error("Failed to read user's home policy file: {0}")]
    ReadHome(FileError),
    #[error("Failed to read user's home policy file: {0}")]
    ReadHomeAccount(AccountError),
    #[error("failed to load policy: {0}")]
    LoadPolicy(FileError),
    #[error("failed to load policy: {0}")]
    LoadPolicyAccount(AccountError),
    #[error("cannot write this {column} to a policy file: {reason}")]
    Unwritable {
        column: &'static str,
        reason: Unwritable,
    },
    #[error("permissions check failed: {0} problems found")]
    PermissionsFound(usize),
    #[error("fix requires elevated privileges (run as root or Administrator)")]
    NeedsRoot,
    #[error("aborted by user")]
    Aborted,
    #[error("EOF")]
    NoAnswer,
    #[error("fix completed with {0} errors")]
    PermissionsNotFixed(usize),
    #[error("cannot read a certificate from {path}: {reason}", path = path.display())]
    CertificateFile { path: PathBuf, reason: String },
    #[error("that is nothing that can be revoked: a fingerprint is SHA256: and 43 characters")]
    NothingToRevoke,
    #[error("audit completed and discovered errors")]
    AuditFound,
    #[error("the report cannot be written: {0}")]
    Report(io::Error),
    #[error("failed to write policy to {path}: {error}", path = path.display())]
    WritePolicy { path: PathBuf, error: io::Error },
}

impl ServerError {
    /// May another command still say yes? Not where a deny list said no or could not be read, and
    /// not where it is in doubt what happened.
    pub fn leaves_it_to_others(&self) -> bool {
        match self {
            Self::Denied(reason) => !reason.is_by_deny_list(),
            Self::Providers(_) | Self::JwksFile { .. } | Self::Keys(_) | Self::NoPolicy { .. } => {
                true
            }
            _ => false,
        }
    }

    /// The next thing to do, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Denied(DenyReason::Policy(PolicyDenial::NoRule {
                who, issuer, principal, ..
            })) => {
                // quoted, since the words are the token's and a shell will read them
                let row = table::write_row([principal, who, issuer]).ok()?;
                Some(format!("To allow it: sudo opkssh add {}", printable(row.trim_end())))
            }
            Self::Denied(DenyReason::Provider(ProviderRefusal::Unknown { .. })) => {
                Some("Compare the issuer, byte for byte, with the rows of /etc/opk/providers".into())
            }
            Self::Providers(error)
            | Self::LoadPolicy(error)
            | Self::ConfigFile(error)
            | Self::RevokedFile(error)
            | Self::RulesFile(error) => file_hint(error),
            Self::Denied(DenyReason::PkToken(error))
                if matches!(**error, PkTokenError::Expiration(_)) =>
            {
                Some(
                    "A new login is needed: opkssh login. How long one counts says the third column \
                     of /etc/opk/providers"
                        .into(),
                )
            }
            Self::Denied(DenyReason::Policy(PolicyDenial::Revoked(_))) => Some(
                "Whoever revoked it wrote it to revoked.yml beside auth_id; remove the line to undo it"
                    .into(),
            ),
            Self::NoPolicy { system, .. } => file_hint(system.as_ref()),
            Self::Settings(SettingsError::File(error)) => file_hint(error),
            Self::Settings(SettingsError::Text { path, .. }) => {
                Some(format!("Edit it: sudoedit {}", path.display()))
            }
            Self::JwksFile {
                error: JwksFileError::File(error),
                ..
            } => file_hint(error),
            Self::Install(error) => error.hint(),
            Self::Store(StoreError::Owner { path, .. } | StoreError::Mode { path, .. }) => {
                Some(format!(
                    "It must be of the AuthorizedKeysCommandUser alone: sudo install -d -m 700 -o \
                     opksshuser -g opksshuser {}",
                    path.display()
                ))
            }
            Self::Store(StoreError::Io { error, .. })
                if error.kind() == io::ErrorKind::PermissionDenied =>
            {
                Some("Run it as root: sudo opkssh server cache show".into())
            }
            Self::Store(_) => Some("Make it: sudo opkssh server install".into()),
            Self::Keys(_) => Some(
                "Try: curl ISSUER/.well-known/openid-configuration; behind a proxy, set HTTPS_PROXY \
                 under env_vars in /etc/opk/config.yml"
                    .into(),
            ),
            Self::WritePolicy { path, error } if error.kind() == io::ErrorKind::TimedOut => {
                let directory = path.parent().unwrap_or(path);
                Some(format!("See who: sudo fuser -v {}/.opkssh.lock", directory.display()))
            }
            Self::PermissionsFound(_) | Self::NeedsRoot => {
                Some("Run: sudo opkssh permissions fix".into())
            }
            Self::NoAnswer => Some("To answer yes beforehand: sudo opkssh permissions fix -y".into()),
            _ => None,
        }
    }
}

fn file_hint(error: &FileError) -> Option<String> {
    match error {
        FileError::Mode { path, allowed, .. } => {
            Some(format!("Run: sudo chmod {allowed:o} {}", path.display()))
        }
        FileError::Owner { path, .. } => Some(format!(
            "Run: sudo chown root:opksshuser {}",
            path.display()
        )),
        FileError::Io { path, .. } if error.is_not_found() => Some(format!(
            "Create it: sudo install -m 640 -o root -g opksshuser /dev/null {}",
            path.display()
        )),
        FileError::Io { path, .. } if error.is_permission_denied() => Some(format!(
            "Let the AuthorizedKeysCommandUser read it: sudo chgrp opksshuser {}",
            path.display()
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_rule(who: &str) -> ServerError {
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
            "To allow it: sudo opkssh add dev a@x https://i"
        );
        assert_eq!(
            hint("a;reboot $(x)").unwrap(),
            "To allow it: sudo opkssh add dev 'a;reboot $(x)' https://i"
        );
        assert_eq!(
            hint("a;b").unwrap(),
            r"To allow it: sudo opkssh add dev a\;b https://i"
        );
        assert_eq!(hint("a\nb"), None);
    }
}
