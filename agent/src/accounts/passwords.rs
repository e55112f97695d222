//! The lock: with a password of the moment, everything held is sealed to a fresh key, in memory and
//! in the stores, and that key with the password, in `seal.json`. That file is written first and
//! removed last: while it is there, a daemon starts locked.

use std::sync::Arc;
use std::time::Duration;

use opkssh_protocol::secret::Secret;

use super::lifecycle::{Event, Lock, is_locked_up};
use super::material::Facts;
use super::owner::{Owner, Published};
use super::shared::Shared;
use super::store::password::{Attempt, Attempts, PasswordError};
use super::store::seal_file::SealFile;
use super::store::state_file::StateFile;
use super::store::{StoreKind, Stores};
use crate::seal::{SealKey, SealedWithLock};

/// How long it takes at most until all is sealed: a renewal in flight ends first.
const LOCK_TIMEOUT: Duration = Duration::from_secs(90);
/// How long stores may take for what can be done later, too.
const STORE_TIMEOUT: Duration = Duration::from_secs(15);

/// Locks and unlocks.
pub struct Passwords {
    owner: Owner,
    seal_file: Arc<StateFile>,
    stores: Arc<Stores>,
    attempts: Attempts,
    /// The keys from `ssh-add`.
    also: Arc<dyn SealedWithLock>,
    /// Held while `seal.json` gets its password: of two locks at once, one is refused, and no
    /// earlier password opens what a new one is to lock.
    changing: tokio::sync::Mutex<()>,
}

impl Passwords {
    pub fn new(
        owner: Owner,
        seal_file: Arc<StateFile>,
        stores: Arc<Stores>,
        also: Arc<dyn SealedWithLock>,
    ) -> Self {
        Self {
            owner,
            seal_file,
            stores,
            also,
            attempts: Attempts::default(),
            changing: tokio::sync::Mutex::default(),
        }
    }

    /// Locks, and stays locked over restarts, until [`unlock`](Self::unlock). Serving stops at
    /// once. Returns when nothing in memory is in clear, and the stores were tried.
    pub async fn lock(self: &Arc<Self>, password: Secret) -> Result<(), PasswordError> {
        let this = self.clone();
        to_its_end(async move { this.lock_now(password).await }).await
    }

    async fn lock_now(&self, password: Secret) -> Result<(), PasswordError> {
        if password.is_empty() {
            return Err(PasswordError::Empty);
        }
        let changing = self.changing.lock().await;
        if self.is_locked() {
            return Err(PasswordError::LockedAlready);
        }
        let key = SealKey::generate();
        let recipient = key.recipient();
        self.owner
            .apply(Event::LockRequested {
                key: Shared::new(key),
                password: Shared::new(password),
            })
            .await;
        let locked = |is_enough: fn(&Facts) -> bool| {
            move |published: &Published| match &published.facts.agent.lock {
                Lock::Locking { .. } => None,
                Lock::Locked(_) => is_enough(&published.facts).then_some(Ok(())),
                Lock::Open | Lock::Opening(_) => {
                    let error = published.reasons.lock.clone();
                    Some(Err(error.unwrap_or(PasswordError::NotLocked)))
                }
            }
        };
        let written = self.owner.wait_for(LOCK_TIMEOUT, locked(|_| true)).await;
        written.unwrap_or(Err(PasswordError::Ending))?;
        self.also.seal(&recipient);
        drop(changing);
        let sealed = self.owner.wait_for(LOCK_TIMEOUT, locked(is_locked_up));
        // it is locked in any case; a renewal that takes longer is sealed at its end
        sealed.await.unwrap_or(Ok(()))?;
        tracing::info!("locked");
        self.rest().await;
        Ok(())
    }

    /// Opens what [`lock`](Self::lock) sealed. What a store does not give back now comes back when
    /// it answers.
    pub async fn unlock(self: &Arc<Self>, password: Secret) -> Result<(), PasswordError> {
        // those who wait their turn hold nothing up, and may go away
        let attempt = self.attempts.next().await;
        let this = self.clone();
        to_its_end(async move { this.unlock_now(attempt, password).await }).await
    }

    async fn unlock_now(&self, attempt: Attempt, password: Secret) -> Result<(), PasswordError> {
        let changing = self.changing.lock().await;
        let is_locked = self.is_locked();
        let Some(file) = SealFile::read(&self.seal_file)?.filter(|_| is_locked) else {
            attempt.succeeded();
            return Err(PasswordError::NotLocked);
        };
        let key = tokio::task::spawn_blocking(move || SealKey::unwrap(&file.identity, &password))
            .await
            .map_err(|_| PasswordError::Ending)?
            .map_err(|error| PasswordError::sealed(&self.seal_file, &error))?;
        attempt.succeeded();
        if let Lock::Locked(recipient) = &self.owner.now().facts.agent.lock
            && recipient.to_string() != key.recipient().to_string()
        {
            let reason = "it is not the file of this lock";
            return Err(PasswordError::file(&self.seal_file, reason));
        }
        let key = Shared::new(key);
        let (also, opening) = (self.also.clone(), key.clone());
        let opened = tokio::task::spawn_blocking(move || also.open(&opening));
        opened.await.map_err(|_| PasswordError::Ending)?;
        self.owner.apply(Event::Unlocked(key)).await;
        drop(changing);
        tracing::info!("unlocked");
        self.owner.bring_back(STORE_TIMEOUT).await;
        self.rest().await;
        Ok(())
    }

    /// Opens the file store, and brings back what is in it.
    pub async fn unlock_store(self: &Arc<Self>, passphrase: Secret) -> Result<(), PasswordError> {
        let attempt = self.stores.next_attempt().await;
        let this = self.clone();
        to_its_end(async move {
            this.stores.unlock_file(attempt, passphrase).await?;
            let unlocked = Event::StoreUnlocked(StoreKind::File);
            this.owner.apply(unlocked).await;
            this.owner.bring_back(STORE_TIMEOUT).await;
            this.rest().await;
            Ok(())
        })
        .await
    }

    fn is_locked(&self) -> bool {
        self.owner.now().facts.agent.lock.hides()
    }

    /// Waits until all that can be done now is done.
    async fn rest(&self) {
        let at_rest = |published: &Published| published.is_at_rest().then_some(());
        self.owner.wait_for(STORE_TIMEOUT, at_rest).await;
    }
}

/// Goes on when whoever asked hangs up: a password must not be half used.
async fn to_its_end(
    work: impl Future<Output = Result<(), PasswordError>> + Send + 'static,
) -> Result<(), PasswordError> {
    tokio::spawn(work)
        .await
        .unwrap_or(Err(PasswordError::Ending))
}
