//! Which identities a server would see.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::AccountState;

/// A server that ssh could connect to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostQuery {
    /// Its name in known_hosts: `name` or `[name]:port`.
    pub name: String,
    /// Files of UserKnownHostsFile and GlobalKnownHostsFile. ssh adds to the first one; empty:
    /// not known.
    #[serde(default)]
    pub known_hosts: Vec<PathBuf>,
    /// What ssh does with a host key that it does not know.
    #[serde(default)]
    pub new_key: NewHostKey,
}

/// What ssh does with a host key that it does not know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewHostKey {
    /// Adds it to known_hosts, before it asks for identities.
    #[default]
    Recorded,
    /// The same, with a hashed name.
    Hashed,
    /// Does not record it, or does not connect.
    NotRecorded,
}

/// What a server would see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostView {
    /// Whether known_hosts has a key for the server.
    pub is_known: bool,
    /// Identities in the order in which they would be offered.
    pub offered: Vec<HostIdentity>,
    /// The other ones.
    pub not_offered: Vec<HiddenIdentity>,
    /// Number of identities that do not fit into this answer.
    pub left_out: usize,
}

/// An identity of the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostIdentity {
    /// Name of the account; otherwise the key's comment, or its fingerprint.
    pub name: String,
    /// Where the identity comes from.
    pub source: Origin,
    /// `SHA256:…` of the key; `None` if it is not in memory.
    pub fingerprint: Option<String>,
    /// State of an account.
    pub state: Option<AccountState>,
}

/// An identity that is not offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HiddenIdentity {
    /// The identity.
    #[serde(flatten)]
    pub identity: HostIdentity,
    /// Kind of the reason.
    pub why: NotOffered,
    /// The reason as text.
    pub reason: String,
    /// What to do, if that is known. `None` if locked: the client knows the command.
    pub hint: Option<String>,
}

/// Where an identity comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Origin {
    /// A login.
    Account,
    /// `ssh-add`.
    SshAdd,
    /// Another agent.
    Upstream {
        /// Its socket.
        socket: String,
    },
}

/// Why an identity is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotOffered {
    /// `hosts:` do not name the server.
    OtherHost,
    /// The server is, or may be, a public forge.
    Forge,
    /// `hosts:` need a name, and known_hosts does not have the key.
    UnknownKey,
    /// known_hosts has another key for the server.
    OtherKey,
    /// The key is revoked.
    Revoked,
    /// known_hosts cannot be read.
    KnownHostsUnreadable,
    /// A destination constraint (`ssh-add -h`).
    Destination,
    /// Only for a connection that is not forwarded.
    Forwarded,
    /// The agent, or the screen, is locked.
    Locked,
    /// The account's login or key is not available, see the reason.
    Unavailable,
    /// The same key is offered from an earlier source.
    Duplicate,
    /// The list is full.
    ListFull,
}
