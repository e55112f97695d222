//! Errors of the client commands: a message, and a hint with the next command to type.

use std::io;
use std::path::PathBuf;

use opkssh_protocol::account_name::BadAccountName;
use opkssh_protocol::config::ConfigError;
use opkssh_protocol::control::{Failure, LockedPart, MAX_FRAME, VERSION};

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("failed to read config file: {}: {source}", file.display())]
    ConfigFile { file: PathBuf, source: io::Error },
    #[error("invalid argument {0:?} for \"-t, --key-type\" flag: must be 'ecdsa', 'ed25519'")]
    KeyType(String),
    #[error(transparent)]
    AccountName(#[from] BadAccountName),
    #[error("the account name {0} is a provider's alias in the client configuration")]
    NameOfProvider(String),
    #[error(
        "{flag} needs a provider, and the account {account} has none in the client configuration"
    )]
    OnlyAnAccount { account: String, flag: &'static str },
    #[error("the agent is not running")]
    NotRunning,
    #[error("cannot reach the agent at {}: {source}", socket.display())]
    Unreachable { socket: PathBuf, source: io::Error },
    #[error("the socket {} belongs to another user", .0.display())]
    ForeignSocket(PathBuf),
    #[error("cannot start the agent: {reason}")]
    Start { reason: String, log: Option<String> },
    #[error("an agent runs already, without {option}: it has {runs_with}")]
    OtherSettings { option: String, runs_with: String },
    #[error("{} would be lost: the login is in the agent's memory only", accounts.join(", "))]
    LoginsAtRisk {
        accounts: Vec<String>,
        /// The command that was typed.
        command: &'static str,
    },
    #[error("{} was not written by opkssh agent install", .0.display())]
    ForeignUnit(PathBuf),
    #[error("a systemd unit cannot name this program's path: {0:?}")]
    UnitPath(PathBuf),
    #[error("systemctl --user {arguments} failed: {reason}")]
    Systemctl { arguments: String, reason: String },
    #[error("the agent speaks version {agent} of the control protocol, this program {VERSION}")]
    Version { agent: u32 },
    #[error(
        "the agent speaks version {agent} of the control protocol, this program {VERSION}: its \
         settings and its logins in memory are unknown"
    )]
    UncheckedRestart { agent: u32 },
    #[error("the agent closed the connection without an answer")]
    ConnectionClosed,
    #[error("the agent did not answer in time")]
    AnswerTimeout,
    #[error("the agent's answer is {0} bytes long, more than {MAX_FRAME}")]
    FrameTooLarge(usize),
    #[error("this request is {0} bytes long, more than {MAX_FRAME}")]
    RequestTooLarge(usize),
    #[error("the agent's answer is invalid: {0}")]
    InvalidAnswer(String),
    /// Reported by the agent.
    #[error("{}", .0.message)]
    Refused(Failure),
    #[error("{reason}")]
    Locked { part: LockedPart, reason: String },
    #[error("the agent is locked already")]
    LockedAlready,
    #[error("no password was given")]
    NoPassword,
    #[error("the two passwords differ")]
    PasswordsDiffer,
    #[error("no browser could be started")]
    NoBrowser,
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("{message}")]
    Key { message: String },
}

impl ClientError {
    /// Returns a function that makes an error of `what` and an [`io::Error`].
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Returns an error about a key or certificate.
    pub(crate) fn key(error: impl std::fmt::Display) -> Self {
        Self::Key {
            message: error.to_string(),
        }
    }

    /// Returns what the user can do, if known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Config(error) => error.hint(),
            Self::ConfigFile { .. } => "name a readable file with --config-path, or create the \
                                        default one: opkssh login --create-config"
                .into(),
            Self::KeyType(_) => "opkssh login --key-type ed25519".into(),
            Self::AccountName(_) => {
                "correct `default_account:` under `agent:` in the client configuration".into()
            }
            Self::NameOfProvider(_) => {
                "give the account another name: opkssh login PROVIDER --as NAME".into()
            }
            Self::OnlyAnAccount { .. } => {
                "name the provider too: opkssh login --provider ISSUER,CLIENT_ID".into()
            }
            Self::OtherSettings { option, .. } => format!(
                "use it as it is: opkssh agent env; or restart it: opkssh agent stop; \
                 opkssh agent start {option}"
            ),
            Self::LoginsAtRisk { command, .. } => format!(
                "if you can log in again afterwards: {command} --force; else wait, or unlock the keyring"
            ),
            Self::ForeignUnit(file) => format!(
                "show it, and remove it if it is not needed: systemctl --user cat {}",
                file.file_name().unwrap_or_default().display()
            ),
            Self::UnitPath(_) => {
                "copy the program to a path without control characters, e.g. ~/.local/bin/opkssh".into()
            }
            Self::Systemctl { .. } => {
                "show the units' log: systemctl --user status opkssh-agent.socket opkssh-agent.service"
                    .into()
            }
            Self::NotRunning => "start it: opkssh agent start".into(),
            Self::Unreachable { .. }
            | Self::ConnectionClosed
            | Self::AnswerTimeout
            | Self::FrameTooLarge(_)
            | Self::InvalidAnswer(_) => "restart it: opkssh agent stop; opkssh agent start".into(),
            Self::ForeignSocket(socket) => {
                format!("show its owner: ls -l {}", socket.display())
            }
            Self::Start { log, .. } => log
                .clone()
                .unwrap_or_else(|| "run it in the foreground: opkssh agent run".into()),
            Self::Version { .. } => {
                "restart it with this version: opkssh agent stop; opkssh agent start".into()
            }
            Self::UncheckedRestart { .. } => {
                "if you can log in again afterwards: opkssh agent restart --force".into()
            }
            Self::Refused(failure) => return failure.hint.clone(),
            Self::Locked { part, .. } => match part {
                LockedPart::Agent | LockedPart::Store => "unlock it: opkssh agent unlock".into(),
                LockedPart::Screen => {
                    "unlock the screen, or: opkssh agent unlock".into()
                }
                LockedPart::NewStore => "choose a passphrase: opkssh agent unlock".into(),
            },
            Self::LockedAlready => "unlock it: opkssh agent unlock".into(),
            Self::NoPassword => {
                "type it on a terminal, or pass it on stdin: opkssh agent unlock <FILE".into()
            }
            Self::PasswordsDiffer => "try again with the same password twice".into(),
            Self::RequestTooLarge(_) => "name one provider: opkssh login ALIAS".into(),
            Self::NoBrowser => "name one: BROWSER=firefox opkssh login".into(),
            Self::Io { .. } | Self::Key { .. } => return None,
        })
    }
}
