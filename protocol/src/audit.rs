//! The audit log: what the agent signed, refused, asked and renewed, as one JSON object per line.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::printable::printable;
use crate::time::UnixTime;

/// Size of a file from which on the next line goes to a new one, in bytes.
pub const MAX_FILE: u64 = 4 << 20;
/// Number of full files that are kept.
pub const MAX_FULL: usize = 4;
/// Length limit of each text, in characters.
const MAX_TEXT: usize = 300;
/// Number of names given for a host.
const MAX_NAMES: usize = 8;

/// Returns the path of the `n`th full file, counted from the newest, which is 1.
pub fn full_file(audit_file: &Path, n: usize) -> PathBuf {
    let mut name = audit_file.as_os_str().to_owned();
    name.push(format!(".{n}"));
    name.into()
}

/// A line of the audit log. Contains no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Time of the event.
    #[serde(with = "rfc3339")]
    pub time: UnixTime,
    /// What happened.
    pub event: AuditEvent,
    /// Name of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Name of the provider of a login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Where the key comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<KeySource>,
    /// Fingerprint of the key, as shown by `ssh-add -l`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Comment of a key that is no account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// User on the server, from the login that was to be signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Namespace of a signature that is no login (SSHSIG), such as `git`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The server that the login was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<AuditHost>,
    /// Whether the request may have come from another machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forwarded: bool,
    /// The machines to which the agent is forwarded, from the nearest on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<AuditHost>,
    /// The process of this machine that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<AuditProcess>,
    /// What a person was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<QuestionKind>,
    /// The answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<PersonAnswer>,
    /// Why something was refused or failed, or how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Number of lines that are missing here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
}

/// What happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditEvent {
    /// A signature was made.
    Signed,
    /// A signature was not made.
    SignatureRefused,
    /// Adding or removing keys, locking or unlocking was refused.
    ChangeRefused,
    /// What a connection says of its server could not be verified.
    BindRefused,
    /// A person was asked.
    Asked,
    /// The question is over.
    Answered,
    /// A login became an account.
    LoggedIn,
    /// A login failed.
    LoginFailed,
    /// An account was renewed.
    Renewed,
    /// A renewal failed.
    RenewalFailed,
    /// An account was logged out.
    LoggedOut,
    /// Lines could not be written.
    Lost,
    /// Refusals, or questions of forwarded connections, were too many to be written.
    Omitted,
    /// An event of a newer version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Where a key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeySource {
    /// A login.
    Account,
    /// `ssh-add`.
    SshAdd,
    /// Another agent.
    Upstream,
}

/// What a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuestionKind {
    /// Whether an account may be used through another machine.
    Forwarding,
    /// Whether an account may be used by this machine's own programs.
    LocalUse,
    /// Whether a key may be used that was added with `ssh-add -c`.
    KeyUse,
    /// Whether to log in.
    Login,
}

/// How a question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersonAnswer {
    /// The person agreed, once.
    Yes,
    /// The person agreed, for the next ten minutes.
    TenMinutes,
    /// The person agreed, for all uses through these jump hosts.
    Always,
    /// The person refused, or closed the question.
    No,
    /// Nobody could be asked.
    NotAsked,
    /// Whoever asked has gone, or the question is moot.
    Withdrawn,
}

/// A machine, by its host key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHost {
    /// Fingerprint of the host key.
    pub host_key: String,
    /// Names in known_hosts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Whether the machine did not prove that it has the host key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unproved: bool,
}

/// A process of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditProcess {
    /// Process id.
    pub pid: u32,
    /// Name of the program, as the process itself says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
}

impl AuditEntry {
    /// Returns an entry with nothing but its event.
    pub fn new(event: AuditEvent) -> Self {
        Self {
            event,
            ..Self::default()
        }
    }

    /// Creates an entry about an account.
    pub fn of_account(event: AuditEvent, account: &str) -> Self {
        Self {
            account: Some(account.to_owned()),
            source: Some(KeySource::Account),
            ..Self::new(event)
        }
    }

    /// Returns true for what another machine can cause as often as it likes.
    pub fn is_limited(&self) -> bool {
        match self.event {
            AuditEvent::SignatureRefused | AuditEvent::ChangeRefused | AuditEvent::BindRefused => {
                true
            }
            AuditEvent::Asked | AuditEvent::Answered => self.forwarded,
            _ => false,
        }
    }

    /// Returns the entry as a line, with its texts escaped and cut.
    pub fn line(mut self) -> String {
        let texts = [
            &mut self.account,
            &mut self.provider,
            &mut self.key,
            &mut self.comment,
            &mut self.user,
            &mut self.namespace,
            &mut self.reason,
        ];
        let program = self.process.as_mut().map(|process| &mut process.program);
        for text in texts.into_iter().chain(program).flatten() {
            *text = bounded(text);
        }
        for host in self.destination.iter_mut().chain(&mut self.via) {
            host.names.truncate(MAX_NAMES);
            for name in &mut host.names {
                *name = bounded(name);
            }
        }
        // fails for no type that is used here
        serde_json::to_string(&self).unwrap_or_default() + "\n"
    }

    /// Reads a line.
    pub fn read(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

fn bounded(text: &str) -> String {
    printable(text).at_most(MAX_TEXT).to_string()
}

/// Times as RFC 3339, in UTC.
mod rfc3339 {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::time::UnixTime;

    pub fn serialize<S: Serializer>(time: &UnixTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UnixTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = text.parse::<jiff::Timestamp>().map_err(D::Error::custom)?;
        Ok(UnixTime(time.as_second()))
    }
}

#[cfg(test)]
mod tests;
