//! What `server install` makes and `server uninstall` removes, one file per kind of thing.

mod account;
mod place;
mod sshd;
mod system;

pub use account::{Identity, ensure_account};
pub use place::{Kind, Place, remove_ours, written_by_us};
pub use sshd::{Sshd, SshdState};
pub use system::{reload_sshd, start_timer, stop_timer};

use std::io;
use std::path::PathBuf;

use crate::process::ProcessError;

/// The first line of files that we may replace and remove.
pub const MARK: &str =
    "# Written by `opkssh server install`; `opkssh server uninstall` removes it.\n";

#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error("only root can do that")]
    NotRoot,
    #[error("{path}: {error}", path = path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{path} is there, and is not of the kind that belongs there", path = .0.display())]
    Kind(PathBuf),
    #[error("{0} is not an account or group that can be made here")]
    Account(String),
    #[error("{0}")]
    Process(#[from] ProcessError),
    #[error("sshd would not run {program}: {reason}", program = program.display())]
    Program { program: PathBuf, reason: String },
    #[error("there is no sshd in /usr/sbin, /usr/local/sbin or /usr/bin")]
    NoSshd,
    #[error("sshd's configuration is not in order as it is, and nothing was changed: {0}")]
    SshdBefore(ProcessError),
    #[error("sshd would refuse its configuration with {path}, which was taken away again: {error}", path = path.display())]
    SshdAfter { path: PathBuf, error: ProcessError },
    #[error("sshd runs another AuthorizedKeysCommand already: {0}")]
    OtherCommand(String),
    #[error(
        "{path} has no effect, and was taken away again: sshd_config does not include it",
        path = .0.display()
    )]
    NoInclude(PathBuf),
}

impl InstallError {
    /// The next thing to do, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotRoot => Some(
                "Type: sudo opkssh server install; to see what it would do: sudo opkssh server \
                 install --dry-run"
                    .into(),
            ),
            Self::Program { program, .. } => Some(format!(
                "Type: sudo install -m 755 {} /usr/local/bin/opkssh && sudo /usr/local/bin/opkssh \
                 server install",
                program.display()
            )),
            Self::NoSshd => Some("Install the OpenSSH server first".into()),
            Self::SshdBefore(_) => Some("See what is wrong with it: sudo sshd -t".into()),
            Self::OtherCommand(command) => Some(format!(
                "Name it in /etc/opk/server.yml and take it out of sshd's configuration: \
                 fallback: {{command: [{}]}}",
                command.split(' ').collect::<Vec<_>>().join(", ")
            )),
            Self::NoInclude(_) => Some(
                "Make this the first line of /etc/ssh/sshd_config: Include \
                 /etc/ssh/sshd_config.d/*.conf"
                    .into(),
            ),
            _ => None,
        }
    }
}
