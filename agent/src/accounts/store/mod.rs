//! Where an account's secrets rest: the OS keyring, or nowhere but in memory.
//!
//! A keyring call can hang for as long as nobody answers its prompt, so it is made on a thread of
//! its own and waited for only so long.

mod secret_service;
mod thread;

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use opkssh_protocol::secret::Secret;
use serde::{Deserialize, Serialize};

use thread::StoreThread;

/// How long `status` waits for a keyring that has not answered before.
const SHORT: Duration = Duration::from_secs(2);

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

impl StoreWish {
    /// As `--store` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Keyring => "keyring",
            Self::Memory => "memory",
        }
    }
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
    /// What the last question for a choice ended in, for `status`.
    last_choice: Mutex<Option<Chosen>>,
}

/// What new accounts get, and why.
#[derive(Clone)]
pub struct Chosen {
    pub kind: StoreKind,
    pub reason: String,
}

impl Stores {
    pub fn new(wish: StoreWish) -> Self {
        Self {
            thread: StoreThread::default(),
            wish,
            last_choice: Mutex::new(None),
        }
    }

    /// Chooses the store for a new account.
    pub async fn choose(&self) -> Result<Chosen, StoreError> {
        let chosen = self.ask().await?;
        *self.last_choice() = Some(chosen.clone());
        Ok(chosen)
    }

    /// What was chosen last; asks, a short time, only if there was no question yet.
    pub async fn chosen(&self) -> Chosen {
        if let Some(chosen) = self.last_choice().clone() {
            return chosen;
        }
        let (kind, reason) = match tokio::time::timeout(SHORT, self.choose()).await {
            Ok(Ok(chosen)) => return chosen,
            Ok(Err(error)) => (StoreKind::SecretService, error.to_string()),
            Err(_) => (
                StoreKind::SecretService,
                "the keyring has not answered yet".to_owned(),
            ),
        };
        Chosen { kind, reason }
    }

    fn last_choice(&self) -> MutexGuard<'_, Option<Chosen>> {
        self.last_choice
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    async fn ask(&self) -> Result<Chosen, StoreError> {
        if self.wish == StoreWish::Memory {
            let reason = "asked for with --store memory".to_owned();
            return Ok(Chosen {
                kind: StoreKind::Memory,
                reason,
            });
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

    /// As [`save`](Self::save); what fails by its deadline is undone when it happens after all.
    pub async fn save_in_time(
        &self,
        kind: StoreKind,
        id: &str,
        secret: Secret,
    ) -> Result<(), StoreError> {
        match kind {
            StoreKind::SecretService => self.thread.save_in_time(id, secret).await,
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
