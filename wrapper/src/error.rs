//! Errors of `opkssh ssh`.

use std::io;

use opkssh_client::{ClientError, login_command};

/// Why `opkssh ssh` did not become ssh.
#[derive(Debug, thiserror::Error)]
pub enum WrapperError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("--account needs the alias of an account")]
    NoAccount,
    #[error("login needed, without a terminal or browser to log in: {reason}")]
    LoginNeeded {
        reason: String,
        alias: Option<String>,
    },
    #[error("{0} is not in PATH")]
    NotFound(&'static str),
    #[error("cannot run {program}: {source}")]
    Exec { program: String, source: io::Error },
}

impl WrapperError {
    /// Returns what the user can do, if known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Client(error) => return error.hint(),
            Self::NoAccount => {
                "opkssh ssh --account ALIAS HOST; `opkssh status` shows the aliases".into()
            }
            Self::LoginNeeded { alias, .. } => {
                let command = login_command(alias.as_deref());
                format!("log in first, on a terminal: {command}")
            }
            Self::NotFound(program) => {
                format!("install OpenSSH's client, or add {program} to PATH")
            }
            Self::Exec { .. } => return None,
        })
    }
}
