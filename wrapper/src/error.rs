use std::io;

use opkssh_client::ClientError;

/// Why the real tool was not reached.
#[derive(Debug, thiserror::Error)]
pub enum WrapperError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("--account needs the alias of an account")]
    NoAccount,
    #[error("login needed, and nobody here to log in: {reason}")]
    NobodyHere {
        reason: String,
        account: Option<String>,
    },
    #[error("there is no {0} in PATH")]
    NotFound(&'static str),
    #[error("cannot run {program}: {source}")]
    Exec { program: String, source: io::Error },
}

impl WrapperError {
    /// What the person can do about it, if we know.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Client(error) => return error.hint(),
            Self::NoAccount => {
                "opkssh ssh --account ALIAS HOST; `opkssh status` shows the aliases".into()
            }
            Self::NobodyHere {
                account: Some(alias),
                ..
            } => {
                format!("log in first, on a terminal: opkssh login {alias}")
            }
            Self::NobodyHere { account: None, .. } => {
                "log in first, on a terminal: opkssh login".into()
            }
            Self::NotFound(program) => {
                format!("install OpenSSH's client, or put {program} into PATH")
            }
            Self::Exec { .. } => return None,
        })
    }
}
