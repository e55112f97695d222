//! Where identities come from: what serving lists and signs through.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use opkssh_protocol::config::{Forwarding, known_public_forges};
use opkssh_protocol::jwk::PublicKey;
use opkssh_protocol::secret::Secret;
use serde::{Deserialize, Serialize};

use super::constraints::Constraints;

/// An identity that a source offers. That the agent holds its private key does not follow from it.
#[derive(Clone)]
pub struct Identity {
    /// The source's own name for it: an account's name, an added key's fingerprint.
    pub name: String,
    /// What is listed: the blob of a certificate (PROTOCOL.certkeys) or a key.
    pub blob: Vec<u8>,
    /// What `ssh-add -l` shows behind the fingerprint.
    pub comment: String,
    pub terms: Terms,
}

/// What decides which connections get an identity.
#[derive(Clone)]
pub enum Terms {
    /// The server's name, and whether it is asked for from another machine. A certificate holds the
    /// person's name and groups.
    Account {
        visibility: Visibility,
        /// The key that signs. Certificates of it that were renewed name it, too.
        public_key: PublicKey,
        /// Issuer and subject of the login.
        person: String,
    },
    /// What the person said when adding the key.
    Added(Constraints),
    /// The upstream agent decides.
    Upstream,
}

/// To which servers an identity is shown. Part of accounts.json.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Visibility {
    /// Host patterns the identity is meant for; empty: all.
    pub hosts: Vec<String>,
    pub forwarding: Forwarding,
    /// Patterns of machines that the agent may be forwarded to without a question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_via: Vec<String>,
    /// A person is asked before this machine's own programs use it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirm_local: bool,
    /// Patterns of servers that `hosts` have to name exactly.
    pub public_forges: Vec<String>,
}

/// A source of identities. What a connection may see and have signed is decided before it is asked.
#[async_trait]
pub trait IdentitySource: Send + Sync {
    /// Returns what may be listed and signed with now, by the settings as they are now. Nothing
    /// while locked.
    async fn identities(&self) -> Arc<Vec<Identity>>;

    /// Returns the identity that `blob` names: what was listed, or what has taken its place.
    async fn find(&self, blob: &[u8]) -> Option<Identity> {
        let identities = self.identities().await;
        identities.iter().find(|it| it.blob == blob).cloned()
    }

    /// Signs `data`, by the flags of the request (RFC 9987 section 3.6.1); `None` if the identity
    /// may not be used any more, or not so.
    async fn sign(&self, identity: &Identity, data: &[u8], flags: u32) -> Option<Vec<u8>>;
}

/// The source whose identities come from logins.
#[async_trait]
pub trait LoginSource: IdentitySource {
    /// Brings up to date what a local ssh is about to see: renews what is stale, asks the store
    /// again. `names` are the identities that it would see now. Returns at `end` at the latest.
    async fn bring_up_to_date(&self, names: &[String], end: Instant);

    /// Has a person asked for a login, as configured, if none of these can be used. They must be
    /// meant for the server at hand. Returns at `end` at the latest.
    async fn ask_person(&self, names: &[String], end: Instant);
}

/// The agent protocol's lock (RFC 9987 section 3.7).
#[async_trait]
pub trait PasswordLock: Send + Sync {
    /// Locks (else unlocks) the agent. Returns true if that was done.
    async fn set(&self, locked: bool, password: Secret) -> bool;

    /// Returns true while nothing may be used, for this lock or another one.
    fn is_locked(&self) -> bool;
}

impl Default for Visibility {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            forwarding: Forwarding::default(),
            allow_via: Vec::new(),
            confirm_local: false,
            public_forges: known_public_forges(),
        }
    }
}
