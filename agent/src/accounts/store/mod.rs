//! Where an account's secrets rest: the OS keyring, an encrypted file, or nowhere but in memory.
//!
//! A keyring call can hang for as long as nobody answers its prompt, so it is made on a thread of
//! its own and waited for only so long.

mod file;
pub mod index;
pub mod password;
pub mod private_file;
pub mod record;
pub mod seal;
pub mod seal_file;
mod secret_service;
mod thread;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use opkssh_protocol::control::LockedPart;
use opkssh_protocol::secret::Secret;
use serde::{Deserialize, Serialize};

use file::{FileState, FileStore};
use password::{Attempt, PasswordError};
use thread::StoreThread;

/// How long `status` waits for a keyring that has not answered before.
const SHORT: Duration = Duration::from_secs(2);

/// The store of an account, chosen once. The keyrings of other systems would be kinds beside
/// [`SecretService`](Self::SecretService): a module of its own with the same four calls, made on
/// the store thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreKind {
    /// org.freedesktop.secrets on the session bus.
    SecretService,
    /// Encrypted with a passphrase.
    File,
    /// Nothing survives the daemon.
    Memory,
}

impl StoreKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::SecretService => "secret-service",
            Self::File => "file",
            Self::Memory => "memory",
        }
    }

    /// In a sentence.
    pub fn place(self) -> &'static str {
        match self {
            Self::SecretService => "the keyring",
            Self::File => "the encrypted file store",
            Self::Memory => "memory",
        }
    }
}

/// Which store new accounts shall have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum StoreWish {
    /// The keyring where there is one, else an encrypted file that was set up, else memory.
    #[default]
    Auto,
    /// The keyring or nothing.
    Keyring,
    /// Encrypted with a passphrase that has to be said once after each start.
    File,
    Memory,
}

impl StoreWish {
    /// As `--store` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Keyring => "keyring",
            Self::File => "file",
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
    #[error("the store's entry for this account is not readable")]
    Unreadable,
    #[error("the encrypted file store cannot be used: {0}")]
    File(String),
    #[error("the encrypted file store is locked")]
    FileLocked,
    #[error("the encrypted file store has no passphrase yet")]
    FileNew,
    #[error("{0}")]
    Seal(PasswordError),
    #[error("accounts.json: {0}")]
    Index(String),
}

impl StoreError {
    /// What a person has to unlock first, where that helps.
    pub fn locked_part(&self) -> Option<LockedPart> {
        match self {
            Self::FileLocked => Some(LockedPart::Store),
            Self::FileNew => Some(LockedPart::NewStore),
            _ => None,
        }
    }

    /// What to do about it, to be followed by what was to be done.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unavailable(_) | Self::TimedOut | Self::Unreadable => {
                Some("unlock the keyring and try again".to_owned())
            }
            Self::FileLocked => Some("unlock it: opkssh agent unlock".to_owned()),
            Self::FileNew => Some("choose one: opkssh agent unlock".to_owned()),
            Self::File(_) => Some("see what is wrong with it: opkssh status".to_owned()),
            Self::Index(_) => None,
            Self::Seal(error) => error.hint(),
        }
    }
}

/// All stores, by kind.
pub struct Stores {
    thread: StoreThread,
    file: FileStore,
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
    pub fn new(wish: StoreWish, file_directory: PathBuf) -> Self {
        Self {
            thread: StoreThread::default(),
            file: FileStore::new(file_directory),
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

    /// Can a new login be stored, as far as that is known without asking a keyring?
    pub async fn is_ready(&self) -> Result<(), StoreError> {
        match (self.wish, self.file.state()) {
            (StoreWish::File, _) | (StoreWish::Auto, FileState::Locked) => {
                self.ask().await.map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// Can an account of this store be used, as far as that is known without asking a keyring?
    pub fn is_open(&self, kind: StoreKind) -> Result<(), StoreError> {
        match kind {
            StoreKind::File => self.ask_file(String::new()).map(|_| ()),
            StoreKind::SecretService | StoreKind::Memory => Ok(()),
        }
    }

    /// What has to be unlocked before accounts in the file store can be used, or made.
    pub fn locked_part(&self, is_used: bool) -> Option<LockedPart> {
        match self.file.state() {
            FileState::Open => None,
            FileState::New => (self.wish == StoreWish::File).then_some(LockedPart::NewStore),
            FileState::Locked => {
                let is_used = is_used || self.wish != StoreWish::Memory;
                is_used.then_some(LockedPart::Store)
            }
        }
    }

    /// Waits until one may try a passphrase of the file store.
    pub async fn next_attempt(&self) -> Attempt {
        self.file.next_attempt().await
    }

    /// Opens the file store; a new one gets this passphrase. To be run to its end.
    pub async fn unlock_file(
        &self,
        attempt: Attempt,
        passphrase: Secret,
    ) -> Result<(), PasswordError> {
        self.file.unlock(attempt, passphrase).await
    }

    /// What was chosen last; asks, a short time, only if there was no question yet. The file store
    /// is asked each time: its state changes, and it answers at once.
    pub async fn chosen(&self) -> Chosen {
        if let Some(chosen) = self.last_choice().clone()
            && chosen.kind != StoreKind::File
        {
            return chosen;
        }
        let (kind, reason) = match tokio::time::timeout(SHORT, self.choose()).await {
            Ok(Ok(chosen)) => return chosen,
            Ok(Err(error)) if error.locked_part().is_some() => {
                let hint = error.hint().unwrap_or_default();
                (StoreKind::File, format!("{error}; {hint}"))
            }
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
        if self.wish == StoreWish::File {
            return self.ask_file("asked for with --store file".to_owned());
        }
        match (self.thread.probe().await, self.wish) {
            (Ok(()), _) => Ok(Chosen {
                kind: StoreKind::SecretService,
                reason: "the session's keyring answers".to_owned(),
            }),
            (Err(error), StoreWish::Keyring) => Err(error),
            (Err(error), _) if self.file.state() != FileState::New => self.ask_file(format!(
                "{error}; there is an encrypted file, and it is unlocked"
            )),
            (Err(error), _) => Ok(Chosen {
                kind: StoreKind::Memory,
                reason: format!(
                    "{error}; logins last until the agent ends; for an encrypted file: \
                     opkssh agent restart --store file"
                ),
            }),
        }
    }

    fn ask_file(&self, reason: String) -> Result<Chosen, StoreError> {
        match self.file.state() {
            FileState::Open => Ok(Chosen {
                kind: StoreKind::File,
                reason,
            }),
            FileState::Locked => Err(StoreError::FileLocked),
            FileState::New => Err(StoreError::FileNew),
        }
    }

    pub async fn save(&self, kind: StoreKind, id: &str, secret: Secret) -> Result<(), StoreError> {
        match kind {
            StoreKind::SecretService => self.thread.save(id, secret).await,
            StoreKind::File => self.file.save(id, secret).await,
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
            StoreKind::File => self.file.save(id, secret).await,
            StoreKind::Memory => Ok(()),
        }
    }

    pub async fn load(&self, kind: StoreKind, id: &str) -> Result<Option<Secret>, StoreError> {
        match kind {
            StoreKind::SecretService => self.thread.load(id).await,
            StoreKind::File => self.file.load(id).await,
            StoreKind::Memory => Ok(None),
        }
    }

    /// Deleting what is not there is fine.
    pub async fn delete(&self, kind: StoreKind, id: &str) -> Result<(), StoreError> {
        match kind {
            StoreKind::SecretService => self.thread.delete(id).await,
            StoreKind::File => self.file.delete(id).await,
            StoreKind::Memory => Ok(()),
        }
    }
}
