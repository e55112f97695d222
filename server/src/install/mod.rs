//! The files of `server install` and `server uninstall`, with one module per kind.

mod account;
mod item;
mod preflight;
pub mod pubkey;
mod sshd;
mod system;
pub mod tokens;

pub use account::{Identity, ensure_account, identity_of};
pub use item::{InstallItem, Kind, remove_ours, written_by_us};
pub use preflight::{check_as_account, grant_access};
pub use sshd::{Sshd, SshdSettings, SshdState};
pub use system::{reload_sshd, start_timer, stop_timer};

use std::io;
use std::path::PathBuf;

use crate::etc::{ACCOUNT, EtcError};
use crate::fallback::FallbackError;
use crate::permissions::{ApplyError, Obstacle};
use crate::process::ProcessError;
use crate::settings::Settings;

/// First line of files that opkssh may replace and remove.
pub const MARK: &str =
    "# Written by `opkssh server install`; `opkssh server uninstall` removes it.\n";

#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error("must be run as root")]
    NotRoot,
    #[error("{path}: {error}", path = path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{path} exists, but is not of the required type", path = .0.display())]
    Kind(PathBuf),
    #[error("{0} is not an account or group that can be made here")]
    Account(String),
    #[error("{0}")]
    Process(#[from] ProcessError),
    #[error("sshd would not run {program}: {reason}", program = program.display())]
    Program { program: PathBuf, reason: String },
    #[error(
        "{path:?} contains characters that sudo, sshd or systemd interpret; use letters, digits and ./_+-",
        path = .0
    )]
    ProgramPath(PathBuf),
    #[error("there is no sshd in /usr/sbin, /usr/local/sbin or /usr/bin")]
    NoSshd,
    #[error("sshd's configuration has an error, and nothing was changed: {0}")]
    SshdBefore(ProcessError),
    #[error("sshd would refuse its configuration with {path}, which was removed again: {error}", path = path.display())]
    SshdAfter { path: PathBuf, error: ProcessError },
    #[error("sshd runs another AuthorizedKeysCommand already: {0}")]
    OtherCommand(String),
    #[error("sshd runs {command} as {user}, and that must be {account}")]
    OtherUser {
        command: String,
        user: String,
        account: &'static str,
    },
    #[error("{0}")]
    Etc(#[from] EtcError),
    #[error("the fallback of /etc/opk/server.yml would not be run: {0}")]
    Fallback(FallbackError),
    #[error("{path}: {problem}", path = .0.path.display(), problem = .0.describe(ACCOUNT))]
    Unreachable(Obstacle),
    #[error("{0}")]
    Repair(ApplyError),
    #[error("{path} can be changed by accounts other than root", path = .0.display())]
    OpenDirectory(PathBuf),
    #[error("the account {ACCOUNT} is not in the group {ACCOUNT}, which reads the files")]
    NotInGroup,
    #[error("verify, run as {ACCOUNT}, cannot do its work: {reason}")]
    Preflight {
        reason: String,
        hint: Option<String>,
    },
    #[error(
        "{path} has no effect, and was removed again: sshd_config does not include it",
        path = .0.display()
    )]
    NoInclude(PathBuf),
}

impl InstallError {
    /// Returns the next command to run, if there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Etc(error) => error.hint(),
            Self::NotRoot => Some(
                "Run: sudo opkssh server install; to see what it would do: sudo opkssh server \
                 install --dry-run"
                    .into(),
            ),
            Self::Program { program, .. } => Some(format!(
                "Run: sudo install -m 755 {} /usr/local/bin/opkssh && sudo /usr/local/bin/opkssh \
                 server install",
                program.display()
            )),
            Self::ProgramPath(_) => Some(
                "Copy the program to /usr/local/bin/opkssh, and run: sudo /usr/local/bin/opkssh \
                 server install"
                    .into(),
            ),
            Self::NoSshd => Some("Install the OpenSSH server first".into()),
            Self::SshdBefore(_) => Some("Run: sudo sshd -t".into()),
            Self::OtherCommand(command) => Some(match as_fallback(command) {
                Ok(line) => format!(
                    "Name it in /etc/opk/server.yml, and take the lines AuthorizedKeysCommand and \
                     AuthorizedKeysCommandUser out of sshd's configuration: {line}"
                ),
                Err(reason) => format!(
                    "As it is it cannot be the fallback in /etc/opk/server.yml: {reason}. Put it \
                     into a script, name that there, and take the lines AuthorizedKeysCommand and \
                     AuthorizedKeysCommandUser out of sshd's configuration"
                ),
            }),
            Self::OtherUser { account, .. } => Some(format!(
                "See to it that the first of each that sshd reads are the lines \
                 AuthorizedKeysCommand /usr/local/bin/opkssh verify %u %k %t and \
                 AuthorizedKeysCommandUser {account}; where they are: sudo grep -ri \
                 authorizedkeyscommand /etc/ssh/sshd_config /etc/ssh/sshd_config.d"
            )),
            Self::Unreachable(obstacle) => Some(fix_hint(obstacle)),
            Self::Preflight { hint, .. } => hint.clone(),
            Self::OpenDirectory(path) => Some(format!(
                "Review its contents, then run: sudo chown root {path} && sudo chmod 750 {path}",
                path = path.display()
            )),
            Self::NotInGroup => Some(format!("Run: sudo usermod -aG {ACCOUNT} {ACCOUNT}")),
            Self::Fallback(FallbackError::Owner { path, .. }) => {
                Some(format!("Run: sudo chown root {}", path.display()))
            }
            Self::Fallback(FallbackError::Mode { path, .. }) => {
                Some(format!("Run: sudo chmod go-w {}", path.display()))
            }
            Self::Fallback(_) => Some("Run: sudoedit /etc/opk/server.yml".into()),
            Self::NoInclude(_) => Some(
                "Make this the first line of /etc/ssh/sshd_config: Include \
                 /etc/ssh/sshd_config.d/*.conf"
                    .into(),
            ),
            _ => None,
        }
    }
}

fn fix_hint(obstacle: &Obstacle) -> String {
    let path = obstacle.path.display();
    match obstacle.entry {
        None => format!("Check why it is closed, then run: sudo chmod o+x {path}"),
        Some(entry) => format!(
            "Look at what is in it, since others than root could have changed it; then run: sudo \
             chown root:{ACCOUNT} {path} && sudo chmod {:o} {path}",
            entry.mode
        ),
    }
}

/// Returns the line of `server.yml` that replaces an AuthorizedKeysCommand. The words are quoted,
/// because `%` starts a YAML directive.
fn as_fallback(command: &str) -> Result<String, String> {
    if command.contains(['"', '\'', '\\']) {
        return Err("it has quotes or backslashes".to_owned());
    }
    let words: Vec<&str> = command.split_whitespace().collect();
    let words = serde_json::to_string(&words).map_err(|error| error.to_string())?;
    let line = format!("fallback: {{command: {words}}}");
    Settings::parse(line.as_bytes()).map(|_| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_hint_can_be_used() {
        let hint = |command: &str| InstallError::OtherCommand(command.into()).hint().unwrap();
        let said = hint("/usr/bin/sss_ssh_authorizedkeys --x=%u  %u %k");
        let (_, line) = said.split_once("configuration: ").unwrap();
        let settings = Settings::parse(line.as_bytes()).unwrap();
        let program = "/usr/bin/sss_ssh_authorizedkeys";
        assert_eq!(settings.fallback.unwrap().program().to_str(), Some(program));
        for command in ["/usr/bin/other %f", "/usr/bin/other \"a b\""] {
            let said = hint(command);
            assert!(said.contains("cannot be the fallback"), "{said}");
            assert!(said.contains("AuthorizedKeysCommandUser"), "{said}");
        }
    }

    #[test]
    fn both_lines_of_sshd_are_named() {
        let error = InstallError::OtherUser {
            command: "/opt/opkssh verify".into(),
            user: "nobody".into(),
            account: "opksshuser",
        };
        assert!(error.to_string().contains("as nobody"), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("AuthorizedKeysCommand /usr/local/bin/opkssh verify %u %k %t"));
        assert!(hint.contains("AuthorizedKeysCommandUser opksshuser"));
    }
}
