//! Where an account's secrets rest: the OS keyring, or nowhere but in memory.
//!
//! A keyring call can hang for as long as nobody answers its prompt, so it is made on a thread of
//! its own and waited for only so long.

mod secret_service;
mod thread;

use opkssh_protocol::secret::Secret;
use serde::{Deserialize, Serialize};

use thread::StoreThread;

/// The store of an account, chosen once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreKind {
    /// org.freedesktop.secrets on the session bus.
    SecretService,
    /// Nothing survives the daemon.
    Memory,
}

impl StoreKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::SecretService => "secret-service",
            Self::Memory => "memory",
        }
    }
}

/// Which store new accounts shall have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum StoreWish {
    /// The keyring where there is one, else memory.
    #[default]
    Auto,
    /// The keyring or nothing.
    Keyring,
    Memory,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error("the keyring cannot be used: {0}")]
    Unavailable(String),
    #[error("the keyring did not answer in time: it may be locked and waiting for its prompt")]
    TimedOut,
    #[error("the keyring's entry for this account is not readable")]
    Unreadable,
    #[error("accounts.json: {0}")]
    Index(String),
}

/// All stores, by kind.
pub struct Stores {
    thread: StoreThread,
    wish: StoreWish,
}

/// What new accounts get, and why.
pub struct Chosen {
    pub kind: StoreKind,
    pub reason: String,
}

impl Stores {
    pub fn new(wish: StoreWish) -> Self {
        Self { thread: StoreThread::default(), wish }
    }

    /// Chooses the store for a new account.
    pub async fn choose(&self) -> Result<Chosen, StoreError> {
        if self.wish == StoreWish::Memory {
            let reason = "asked for with --store memory".to_owned();
            return Ok(Chosen { kind: StoreKind::Memory, reason });
        }
        match (self.thread.probe().await, self.wish) {
            (Ok(()), _) => Ok(Chosen {
                kind: StoreKind::SecretService,
                reason: "the session's keyring answers".to_owned(),
            }),
            (Err(error), StoreWish::Keyring) => Err(error),
            (Err(error), _) => Ok(Chosen {
                kind: StoreKind::Memory,
                reason: format!("{error}; logins last until the agent ends"),
            }),
        }
    }

    pub async fn save(&self, kind: StoreKind, id: &str, secret: Secret) -> Result<(), StoreError> {
        match kind {
            StoreKind::SecretService => self.thread.save(id, secret).await,
            StoreKind::Memory => Ok(()),
        }
    }

    pub async fn load(&self, kind: StoreKind, id: &str) -> Result<Option<Secret>, StoreError> {
        match kind {
            StoreKind::SecretService => self.thread.load(id).await,
            StoreKind::Memory => Ok(None),
        }
    }

    /// Deleting what is not there is fine.
    pub async fn delete(&self, kind: StoreKind, id: &str) -> Result<(), StoreError> {
        match kind {
            StoreKind::SecretService => self.thread.delete(id).await,
            StoreKind::Memory => Ok(()),
        }
    }
}
