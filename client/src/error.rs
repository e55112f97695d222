//! Errors of the client commands: a message, and a hint with the next command to type.

use std::fmt::Display;
use std::io;

use opkssh_protocol::config::ConfigError;
use opkssh_protocol::control::{Failure, LockedPart, VERSION};
use opkssh_protocol::places::Places;

use crate::format::agent_command;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the agent is not running")]
    NotRunning,
    #[error("the agent speaks version {agent} of the control protocol, this program {VERSION}")]
    Version { agent: u32 },
    /// It runs, and cannot be talked to.
    #[error("{0}")]
    NoAnswer(String),
    #[error("the agent closed the connection without an answer")]
    ConnectionClosed,
    #[error("the agent's answer is invalid: {0}")]
    InvalidAnswer(String),
    #[error("{reason}")]
    Locked { part: LockedPart, reason: String },
    /// Reported by the agent, or one that no caller tells apart.
    #[error("{}", .0.message)]
    Failed(Failure),
}

impl ClientError {
    pub fn new(message: impl Display, hint: impl Into<String>) -> Self {
        Self::Failed(Failure {
            message: message.to_string(),
            hint: Some(hint.into()),
            ..Failure::default()
        })
    }

    /// Returns an error of something that is out of reach or hangs.
    pub(crate) fn unreachable(message: impl Display, hint: impl Into<String>) -> Self {
        Self::Failed(Failure {
            message: message.to_string(),
            hint: Some(hint.into()),
            inconclusive: true,
            ..Failure::default()
        })
    }

    pub fn without_hint(message: impl Display) -> Self {
        Self::Failed(Failure {
            message: message.to_string(),
            ..Failure::default()
        })
    }

    /// Returns a function that makes an error of `what` and an [`io::Error`].
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::without_hint(format!("{what}: {}", opkssh_files::in_words(error)))
    }

    /// Returns the error as one after which the answer is not known.
    pub(crate) fn into_inconclusive(self) -> Self {
        match self {
            Self::Failed(failure) => Self::Failed(Failure {
                inconclusive: true,
                ..failure
            }),
            other => other,
        }
    }

    /// Returns true if the answer could not be found out, rather than being no.
    pub fn is_inconclusive(&self) -> bool {
        match self {
            Self::Config(_) => false,
            Self::Failed(failure) => failure.inconclusive,
            _ => true,
        }
    }

    /// Returns what the user can do, if known. Commands are those for the user's own agent.
    pub fn hint(&self) -> Option<String> {
        self.hint_with(|word| format!("opkssh agent {word}"))
    }

    /// Returns the error of a command about the agent with these paths: its hint names that agent.
    pub(crate) fn of_agent(self, places: &Places) -> Self {
        match self {
            _ if places.separate_socket().is_none() => self,
            _ => Self::Failed(Failure {
                message: self.to_string(),
                hint: self.hint_with(|word| agent_command(word, places)),
                inconclusive: self.is_inconclusive(),
                ..Failure::default()
            }),
        }
    }

    fn hint_with(&self, command: impl Fn(&str) -> String) -> Option<String> {
        let (what, word) = match self {
            Self::Config(error) => return Some(error.hint()),
            Self::Failed(failure) => return failure.hint.clone(),
            Self::NotRunning => ("start it", "start"),
            Self::NoAnswer(_) | Self::ConnectionClosed | Self::InvalidAnswer(_) => {
                ("restart it", "restart")
            }
            Self::Version { .. } => ("restart it with this version", "restart"),
            Self::Locked { part, .. } => match part {
                LockedPart::Agent | LockedPart::Store => ("unlock it", "unlock"),
                LockedPart::Screen => ("unlock the screen, or", "unlock"),
                LockedPart::NewStore => ("choose a passphrase", "unlock"),
            },
        };
        Some(format!("{what}: {}", command(word)))
    }
}

#[cfg(test)]
mod tests;
