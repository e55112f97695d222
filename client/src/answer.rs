//! What the commands with `--json` print.

use std::path::PathBuf;

use opkssh_protocol::control::{AccountStatus, AgentStatus, LoggedOut};
use opkssh_protocol::printable::{printable, printable_json};
use serde_json::{Value, json};

use crate::error::ClientError;

/// The result of a command that has `--json`.
pub trait Reply {
    /// Returns the exit status: 0 for yes or done, 1 for no or failed, 3 if that could not be found
    /// out.
    fn status(&self) -> u8;

    /// Returns the result as JSON.
    fn json(&self) -> String;
}

fn exit_status(yes: Option<bool>) -> u8 {
    match yes {
        Some(yes) => u8::from(!yes),
        None => 3,
    }
}

fn text(value: &Value) -> String {
    printable_json(&format!("{value:#}"))
}

/// The answer of `check`, `ensure` and `login`.
#[derive(Debug, Default)]
pub struct Answer {
    /// Whether the account is usable; `None`: could not find out.
    pub usable: Option<bool>,
    /// Why, in one line.
    pub reason: String,
    /// What to do, with the command to type.
    pub hint: Option<String>,
    /// As in `opkssh status --json`.
    pub account: Option<Box<AccountStatus>>,
    /// The private key that a login wrote; the certificate is beside it.
    pub key_file: Option<PathBuf>,
}

impl Answer {
    /// Returns the reason as a line of text.
    pub fn line(&self) -> String {
        printable(&self.reason).to_string()
    }
}

impl Reply for Answer {
    fn status(&self) -> u8 {
        exit_status(self.usable)
    }

    fn json(&self) -> String {
        text(&json!({
            "usable": self.usable,
            "reason": self.reason,
            "hint": self.hint,
            "account": self.account,
            "key_file": self.key_file,
        }))
    }
}

/// The result of `agent start`, `stop`, `restart`, `lock`, `unlock` and `distrust`.
#[derive(Debug, Default)]
pub struct AgentReply {
    /// Whether it is done; `None`: could not find out.
    pub done: Option<bool>,
    /// What was done, or why not, in one line.
    pub reason: String,
    /// What to do, with the command to type.
    pub hint: Option<String>,
    /// As in `opkssh status --json`, afterwards. `None` if the agent does not run, or on failure.
    pub agent: Option<Box<AgentStatus>>,
}

impl AgentReply {
    pub(crate) fn done(reason: impl Into<String>, agent: Option<AgentStatus>) -> Self {
        Self {
            done: Some(true),
            reason: reason.into(),
            hint: None,
            agent: agent.map(Box::new),
        }
    }
}

impl Reply for AgentReply {
    fn status(&self) -> u8 {
        exit_status(self.done)
    }

    fn json(&self) -> String {
        text(&json!({
            "done": self.done,
            "reason": self.reason,
            "hint": self.hint,
            "agent": self.agent,
        }))
    }
}

/// The result of `logout`.
#[derive(Debug, Default)]
pub struct LogoutReply {
    /// The accounts that are logged out.
    pub accounts: Vec<LoggedOut>,
    /// The private keys that were removed, each with its certificate.
    pub key_files: Vec<PathBuf>,
    /// What is left, one for each account.
    pub failures: Vec<ClientError>,
}

impl Reply for LogoutReply {
    fn status(&self) -> u8 {
        u8::from(!self.failures.is_empty())
    }

    fn json(&self) -> String {
        let failure =
            |error: &ClientError| json!({ "reason": error.to_string(), "hint": error.hint() });
        text(&json!({
            "done": self.failures.is_empty(),
            "accounts": self.accounts,
            "key_files": self.key_files,
            "failures": self.failures.iter().map(failure).collect::<Vec<_>>(),
        }))
    }
}
