//! Errors of verify and explain.

use std::io;
use std::path::Path;
use std::sync::Arc;

use opkssh_protocol::pk_token::PkTokenError;
use opkssh_protocol::printable::printable;

use crate::admin_error::AdminError;
use crate::etc::{self, AUTH_ID, CONFIG, EtcError, FileEntry, PROVIDERS, RULES};
use crate::files::FileError;
use crate::home::NoHomePolicy;
use crate::key_source::{JwksFileError, KeySourceError};
use crate::policy::{Advice, PolicyDenial};
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

    /// Returns the error of a policy file that cannot be read.
    pub(in crate::commands) fn file_error(&self) -> Option<&FileError> {
        match self {
            Self::Etc(error) => error.file_error(),
            Self::NoPolicy { system, .. } => Some(system),
            _ => None,
        }
    }

    /// Returns the next command on a server with the files in `etc`.
    pub(in crate::commands) fn hint_in(&self, etc: &Path) -> Option<String> {
        match self {
            Self::Denied(reason) => hint_for(reason, etc),
            Self::Etc(error) => error.hint(),
            Self::NoPolicy { system, .. } => etc::hint_for(system, AUTH_ID.mode),
            Self::JwksFile { error, .. } => error.hint(),
            Self::Keys(_) => Some(format!(
                "run: curl ISSUER/.well-known/openid-configuration; behind a proxy, set HTTPS_PROXY \
                 under env_vars in {}",
                CONFIG.path_in(etc).display()
            )),
            Self::Output(_) | Self::Panic { .. } => None,
        }
    }

    /// Returns the error of an admin command on a server with the files in `etc`.
    pub(in crate::commands) fn admin_error(self, etc: &Path) -> AdminError {
        match self {
            Self::Etc(error) => error.into(),
            error => AdminError::new(&error).with_hint(error.hint_in(etc)),
        }
    }
}

fn hint_for(reason: &DenyReason, etc: &Path) -> Option<String> {
    let path = |entry: &FileEntry| entry.path_in(etc).display().to_string();
    Some(match reason {
        DenyReason::Policy(PolicyDenial::NoRule {
            who,
            issuer,
            principal,
            advice,
            ..
        }) => match advice.as_ref() {
            Advice::Row => {
                // shell-quoted, because the words come from the token
                let words = [principal.as_str(), who, issuer];
                table::write_row(words).ok()?;
                let (option, words) = (etc::option(etc), table::arguments(words));
                format!(
                    "to allow it, run: sudo opkssh add{option} {}",
                    printable(&words)
                )
            }
            Advice::Rule { place, why } => format!(
                "{place} is for this account, and does not allow it: {why}; change what the rule \
                 looks at, or the rule: sudoedit {}",
                path(&RULES)
            ),
            Advice::Issuer {
                path: file,
                identity,
                issuer: own,
                ..
            } if *file == path(&AUTH_ID) => {
                let command = |verb: &str, issuer: &str| {
                    let words = table::arguments([principal.as_str(), identity, issuer]);
                    format!("sudo opkssh {verb}{} {words}", etc::option(etc))
                };
                let (remove, add) = (command("remove", own), command("add", issuer));
                format!("run: {}", printable(&format!("{remove} && {add}")))
            }
            Advice::Issuer { path, line, .. } => {
                format!("change the issuer in line {line}: sudoedit {path}")
            }
            Advice::NewRule => format!(
                "a row of auth_id would give all of {principal}; to allow something of it, write a \
                 rule with options: sudoedit {}",
                path(&RULES)
            ),
        },
        DenyReason::Policy(PolicyDenial::Rule(_)) => {
            format!("to change the rule, run: sudoedit {}", path(&RULES))
        }
        DenyReason::Policy(PolicyDenial::Email(_) | PolicyDenial::User(_)) => {
            format!("to change the deny lists, run: sudoedit {}", path(&CONFIG))
        }
        DenyReason::Provider(ProviderRefusal::Unknown { .. }) => format!(
            "compare the issuer, byte for byte, with the rows of {}",
            path(&PROVIDERS)
        ),
        DenyReason::PkToken(error) if matches!(**error, PkTokenError::Expiration(_)) => format!(
            "log in again: opkssh login; how long a login counts says the third column of {}",
            path(&PROVIDERS)
        ),
        DenyReason::Policy(PolicyDenial::Revoked(entry)) => format!(
            "to undo the revocation, run: sudo opkssh server revoke --undo{} {}",
            etc::option(etc),
            printable(&entry.selectors())
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
