//! Where an account's secrets rest: the OS keyring, an encrypted file, or nowhere but in memory.
//!
//! A keyring call can hang for as long as nobody answers its prompt, so it is made on a thread of
//! its own and waited for only so long.

mod backend;
mod error;
mod file;
pub mod index;
mod kind;
mod memory;
pub mod password;
pub mod record;
pub mod seal_file;
mod secret_service;
mod secret_service_error;
pub mod state_file;
mod thread;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use opkssh_protocol::control::LockedPart;
use opkssh_protocol::secret::Secret;
use parking_lot::Mutex;
use tokio::sync::Notify;

pub use error::StoreError;
pub use kind::{StoreChoice, StoreKind};

use backend::Backend;
use file::FileStore;
use memory::Memory;
use password::{Attempt, Attempts, PasswordError};
use secret_service::SecretService;

/// How long `status` waits for a keyring that has not answered before.
const STATUS_TIMEOUT: Duration = Duration::from_secs(2);

/// All stores, by kind.
pub struct Stores {
    /// In the order in which `--store auto` asks them for new accounts.
    backends: Vec<Box<dyn Backend>>,
    keyring_answers: Arc<Notify>,
    choice: StoreChoice,
    /// All tries at a store's passphrase.
    attempts: Attempts,
    /// What new accounts got last, for `status`.
    last_chosen: Mutex<Option<Chosen>>,
}

/// What new accounts get, and why.
#[derive(Debug, Clone)]
pub struct Chosen {
    pub kind: StoreKind,
    pub reason: String,
}

impl Chosen {
    /// Returns `None` for memory.
    pub fn durable(&self) -> Option<StoreKind> {
        (self.kind != StoreKind::Memory).then_some(self.kind)
    }
}

impl Stores {
    pub fn new(choice: StoreChoice, file_directory: PathBuf) -> Self {
        let keyring_answers = Arc::<Notify>::default();
        let backends: Vec<Box<dyn Backend>> = vec![
            Box::new(SecretService::new(keyring_answers.clone())),
            Box::new(FileStore::new(file_directory)),
            Box::new(Memory),
        ];
        Self::of(backends, keyring_answers, choice)
    }

    /// Returns no store but memory.
    pub fn in_memory() -> Self {
        let stores = Self::of(vec![Box::new(Memory)], Arc::default(), StoreChoice::Memory);
        *stores.last_chosen.lock() = Some(Chosen {
            kind: StoreKind::Memory,
            reason: "a separate agent (--socket) has no other".to_owned(),
        });
        stores
    }

    fn of(
        backends: Vec<Box<dyn Backend>>,
        keyring_answers: Arc<Notify>,
        choice: StoreChoice,
    ) -> Self {
        Self {
            backends,
            keyring_answers,
            choice,
            attempts: Attempts::default(),
            last_chosen: Mutex::new(None),
        }
    }

    /// Chooses the store for a new account.
    pub async fn choose(&self) -> Result<Chosen, StoreError> {
        self.ask().await.map_err(|(_, error)| error)
    }

    /// Fails if a new login cannot be stored, as far as that is known without asking a keyring.
    pub async fn is_ready(&self) -> Result<(), StoreError> {
        let waits = |backend: &dyn Backend| match locked_part_of(backend) {
            Some(LockedPart::NewStore) => self.choice == backend.kind().choice(),
            other => other.is_some(),
        };
        match self.wanted().any(waits) {
            // another store may take it
            true => self.choose().await.map(|_| ()),
            false => Ok(()),
        }
    }

    /// Fails if an account of this store cannot be used, as far as that is known without asking a
    /// keyring.
    pub fn is_open(&self, kind: StoreKind) -> Result<(), StoreError> {
        self.backend(kind)?.check_open()
    }

    /// Has the person unlock the keyring, if a login would be kept there: in the store `known`, or,
    /// for a new account, in the first one. Fails if they do not; one that does not answer is no
    /// error.
    pub async fn ask_to_unlock(&self, known: Option<StoreKind>) -> Result<(), StoreError> {
        let backend = match known {
            Some(kind) => Some(self.backend(kind)?),
            None => self.wanted().next(),
        };
        match backend {
            Some(backend) => match backend.ask_to_unlock().await {
                Err(error) if error.is_locked() => Err(error),
                _ => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// Returns what has to be unlocked before accounts in a store with a passphrase can be used, or made.
    pub fn locked_part(&self, is_used: bool) -> Option<LockedPart> {
        self.backends.iter().find_map(|backend| {
            let part = locked_part_of(backend.as_ref())?;
            let counts = match part {
                LockedPart::NewStore => self.choice == backend.kind().choice(),
                _ => is_used || self.choice != StoreChoice::Memory,
            };
            counts.then_some(part)
        })
    }

    /// Waits until one may try a store's passphrase.
    pub async fn next_attempt(&self) -> Attempt {
        self.attempts.next().await
    }

    /// Opens the store that has a passphrase; a new one gets this passphrase. To be run to its
    /// end, which the attempt lasts for.
    pub async fn unlock_file(
        &self,
        attempt: Attempt,
        passphrase: Secret,
    ) -> Result<(), PasswordError> {
        if passphrase.is_empty() {
            attempt.succeeded();
            return Err(PasswordError::Empty);
        }
        let mut backends = self.backends.iter();
        let Some(locked) = backends.find(|backend| locked_part_of(backend.as_ref()).is_some())
        else {
            attempt.succeeded();
            return Err(PasswordError::NotLocked);
        };
        locked.unlock(passphrase).await?;
        attempt.succeeded();
        // it takes new accounts now
        *self.last_chosen.lock() = None;
        Ok(())
    }

    /// Returns what was chosen last. If nothing was yet, asks the stores for at most
    /// [`STATUS_TIMEOUT`].
    pub async fn chosen(&self) -> Chosen {
        if let Some(chosen) = self.last_chosen.lock().clone() {
            return chosen;
        }
        match tokio::time::timeout(STATUS_TIMEOUT, self.ask()).await {
            Ok(Ok(chosen)) => chosen,
            Ok(Err((kind, error))) => {
                let reason = match error.hint().filter(|_| error.locked_part().is_some()) {
                    Some(hint) => format!("{error}; {hint}"),
                    None => error.to_string(),
                };
                Chosen { kind, reason }
            }
            Err(_) => {
                let kind = self.wanted().next().map(Backend::kind);
                let kind = kind.unwrap_or(StoreKind::Memory);
                let reason = format!("{} has not answered yet", kind.place());
                Chosen { kind, reason }
            }
        }
    }

    /// Waits until a call that was reported as timed out has succeeded after all, and returns the
    /// kind of its store: it answers again. For one waiter; may be dropped while it waits.
    pub async fn answers_again(&self) -> StoreKind {
        self.keyring_answers.notified().await;
        StoreKind::SecretService
    }

    /// Returns the stores that new accounts may have.
    fn wanted(&self) -> impl Iterator<Item = &dyn Backend> {
        let backends = self.backends.iter().map(AsRef::as_ref);
        backends
            .filter(|backend| [StoreChoice::Auto, backend.kind().choice()].contains(&self.choice))
    }

    /// Chooses a store. Fails with the store that was asked for, or the first one, and its error.
    async fn ask(&self) -> Result<Chosen, (StoreKind, StoreError)> {
        // why those before it were not taken
        let mut reasons = Vec::new();
        let mut refused = None;
        for backend in self.wanted() {
            let kind = backend.kind();
            match backend.probe().await {
                Ok(reason) => {
                    reasons.push(match self.choice {
                        StoreChoice::Auto => reason,
                        choice => format!("asked for with --store {}", choice.name()),
                    });
                    let reason = reasons.join("; ");
                    let chosen = Chosen { kind, reason };
                    *self.last_chosen.lock() = Some(chosen.clone());
                    return Ok(chosen);
                }
                Err(error) => {
                    match error.locked_part() {
                        // set up by a person, who can open it: no account goes elsewhere
                        Some(LockedPart::Store) => return Err((kind, error)),
                        // never set up
                        Some(_) => {}
                        None => reasons.push(error.to_string()),
                    }
                    refused.get_or_insert((kind, error));
                }
            }
        }
        Err(refused.unwrap_or_else(|| {
            let error = StoreError::Unavailable("no store takes new accounts".to_owned());
            (StoreKind::Memory, error)
        }))
    }

    fn backend(&self, kind: StoreKind) -> Result<&dyn Backend, StoreError> {
        let mut backends = self.backends.iter().map(AsRef::as_ref);
        backends
            .find(|backend| backend.kind() == kind)
            .ok_or_else(|| StoreError::Unavailable(format!("no {} here", kind.name())))
    }

    pub async fn save(&self, kind: StoreKind, id: &str, secret: Secret) -> Result<(), StoreError> {
        self.backend(kind)?.save(id, secret).await
    }

    pub async fn load(&self, kind: StoreKind, id: &str) -> Result<Option<Secret>, StoreError> {
        self.backend(kind)?.load(id).await
    }

    /// Deletes the entry; one that is not there is fine.
    pub async fn delete(&self, kind: StoreKind, id: &str) -> Result<(), StoreError> {
        self.backend(kind)?.delete(id).await
    }
}

fn locked_part_of(backend: &dyn Backend) -> Option<LockedPart> {
    backend.check_open().err()?.locked_part()
}

#[cfg(test)]
mod tests;
