//! The lock: with a password of the moment, everything held is sealed to a fresh key, in memory
//! and in the store, and that key with the password, in `seal.json`. That file is written first
//! and removed last: while it is there, a daemon starts locked, and entries of the store may be
//! sealed or not, wherever a crash left them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use opkssh_protocol::control::LockedPart;
use opkssh_protocol::secret::Secret;
use tokio::sync::{RwLock, RwLockReadGuard};

use super::held::PasswordRequests;
use super::missing::{Missing, Sealed};
use super::restore::NotRestored;
use super::store::index::Entry;
use super::store::password::{Attempt, Attempts, PasswordError};
use super::store::private_file;
use super::store::seal::{Lid, SealKey, is_sealed};
use super::store::seal_file::SealFile;
use super::store::{StoreError, StoreKind};
use super::{Account, Accounts};

pub struct Lock {
    file: PathBuf,
    state: Mutex<State>,
    attempts: Attempts,
    /// Held for writing while it is locked or unlocked, for reading by whoever adds an account.
    changing: RwLock<()>,
}

enum State {
    Open,
    Locked(Lid),
    /// Unlocked, but stores that did not answer yet may have sealed entries.
    Opening(Arc<SealKey>),
}

const LOCKED: &str = "the agent is locked";

impl Lock {
    pub fn new(file: PathBuf) -> Self {
        Self {
            file,
            state: Mutex::new(State::Open),
            attempts: Attempts::default(),
            changing: RwLock::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Accounts {
    /// What waits for a person, in the order in which to unlock it.
    pub fn locked_parts(&self) -> Vec<LockedPart> {
        let agent = self.is_locked().then_some(LockedPart::Agent);
        let is_used = self
            .missing()
            .iter()
            .any(|one| one.entry.store == StoreKind::File);
        let store = self.stores.locked_part(is_used);
        let screen = self.is_put_away().then_some(LockedPart::Screen);
        agent.into_iter().chain(screen).chain(store).collect()
    }

    pub(super) fn is_locked(&self) -> bool {
        self.lid().is_some()
    }

    /// Locks, and stays locked over restarts, until [`unlock`](Self::unlock). Serving stops at
    /// once; what is being renewed or stored is waited for and sealed too.
    pub async fn lock_up(self: &Arc<Self>, password: Secret) -> Result<(), PasswordError> {
        let this = self.clone();
        self.to_its_end(async move { this.lock_now(password).await })
            .await
            .unwrap_or(Err(PasswordError::Ending))
    }

    /// Opens what [`lock_up`](Self::lock_up) sealed. What a store does not give back now comes
    /// back when it answers.
    pub async fn unlock(self: &Arc<Self>, password: Secret) -> Result<(), PasswordError> {
        // those who wait their turn hold nothing up, and may go away
        let attempt = self.lock.attempts.next().await;
        let this = self.clone();
        self.to_its_end(async move { this.unlock_now(attempt, password).await })
            .await
            .unwrap_or(Err(PasswordError::Ending))
    }

    /// Opens the file store, and brings back what is in it.
    pub async fn unlock_store(self: &Arc<Self>, passphrase: Secret) -> Result<(), PasswordError> {
        let attempt = self.stores.next_attempt().await;
        let this = self.clone();
        self.to_its_end(async move {
            this.stores.unlock_file(attempt, passphrase).await?;
            this.ask_store_anew().await;
            Ok(())
        })
        .await
        .unwrap_or(Err(PasswordError::Ending))
    }

    /// Answers the agent protocol's lock and unlock, for as long as the daemon runs.
    pub async fn obey(self: Arc<Self>, mut requests: PasswordRequests) {
        while let Some(request) = requests.recv().await {
            let this = self.clone();
            tokio::spawn(async move {
                let done = match request.lock {
                    true => this.lock_up(request.password).await,
                    false => this.unlock(request.password).await,
                };
                if let Err(error) = &done {
                    this.held
                        .notices
                        .warn(&format!("lock or unlock refused: {error}"));
                }
                let _ = request.done.send(done.is_ok());
            });
        }
    }

    /// Holds a lock off while an account is added; `None`: it is locked.
    pub(super) async fn keep_open(&self) -> Option<RwLockReadGuard<'_, ()>> {
        let open = self.lock.changing.read().await;
        (!self.is_locked()).then_some(open)
    }

    /// At the daemon's start.
    pub(super) fn read_seal(&self) -> Result<(), PasswordError> {
        if let Some(file) = SealFile::read(&self.lock.file)? {
            let lid = Lid::parse(&file.recipient)
                .map_err(|error| PasswordError::file(&self.lock.file, error))?;
            *self.lock.state() = State::Locked(lid);
            self.held.set_locked(true);
        }
        Ok(())
    }

    /// What to seal to, while it is locked.
    pub(super) fn lid(&self) -> Option<Lid> {
        match &*self.lock.state() {
            State::Locked(lid) => Some(lid.clone()),
            State::Open | State::Opening(_) => None,
        }
    }

    /// Fails with the reason in words.
    pub(super) fn unseal(&self, sealed: &Secret) -> Result<Secret, String> {
        match &*self.lock.state() {
            State::Opening(key) => key
                .open(sealed.expose())
                .map_err(|_| "it is sealed with another password".to_owned()),
            State::Locked(_) => Err(LOCKED.to_owned()),
            State::Open => Err(format!(
                "it is sealed, and {} is gone",
                self.lock.file.display()
            )),
        }
    }

    pub(super) fn sealed_here(&self, alias: &str) -> Option<String> {
        let missing = self.missing();
        let one = missing.iter().find(|one| one.entry.alias == alias)?;
        match &one.sealed {
            Sealed::Here(text) | Sealed::Both(text) => Some(text.clone()),
            Sealed::No | Sealed::Stored | Sealed::Never => None,
        }
    }

    /// Is there an account that is locked, but whose entry in the store may be in clear, and can
    /// that be changed without a person?
    pub(super) fn has_unsealed(&self) -> bool {
        let unsealed = |one: &Missing| match one.sealed {
            Sealed::No | Sealed::Here(_) => {
                !one.is_empty && self.stores.is_open(one.entry.store).is_ok()
            }
            Sealed::Both(_) | Sealed::Stored | Sealed::Never => false,
        };
        self.is_locked() && self.missing().iter().any(unsealed)
    }

    /// Sees to it that the store has only the sealed text of an account. The caller has its turn.
    pub(super) async fn seal_one(&self, entry: &Entry, lid: &Lid) -> Result<(), NotRestored> {
        let silent = |error: StoreError| NotRestored::store(&error);
        let sealed = {
            let missing = self.missing();
            let one = missing.iter().find(|one| one.entry.alias == entry.alias);
            one.map(|one| one.sealed.clone()).unwrap_or_default()
        };
        let (text, becomes) = match sealed {
            Sealed::Both(_) | Sealed::Stored | Sealed::Never => return Ok(()),
            Sealed::Here(text) => (text.clone(), Sealed::Both(text)),
            Sealed::No => {
                let stored = self.stores.load(entry.store, &entry.alias).await;
                let text = stored
                    .map_err(silent)?
                    .ok_or_else(|| NotRestored::empty(entry))?;
                let sealed = match is_sealed(text.expose()) {
                    true => text.expose().to_owned(),
                    false => lid
                        .seal(&text)
                        .map_err(|error| NotRestored::unreadable(&error))?,
                };
                (sealed, Sealed::Stored)
            }
        };
        // noted first: as long as the note is there, the key is
        let noted = self.index.note_sealed(&entry.alias, true);
        noted.map_err(silent)?;
        for one in self.missing().iter_mut() {
            one.entry.sealed |= one.entry.alias == entry.alias;
        }
        let saved = self
            .stores
            .save(entry.store, &entry.alias, Secret::new(text))
            .await;
        saved.map_err(silent)?;
        for one in self.missing().iter_mut() {
            if one.entry.alias == entry.alias {
                one.sealed = becomes.clone();
                LOCKED.clone_into(&mut one.reason);
            }
        }
        Ok(())
    }

    /// Writes an account in clear; `was_sealed`: and notes that it is, as it may have been sealed.
    pub(super) async fn save_in_clear(
        &self,
        store: StoreKind,
        alias: &str,
        text: Secret,
        was_sealed: bool,
    ) -> Result<(), StoreError> {
        self.stores.save(store, alias, text).await?;
        if was_sealed {
            self.index.note_sealed(alias, false)?;
            for one in self.missing().iter_mut() {
                one.entry.sealed &= one.entry.alias != alias;
            }
        }
        Ok(())
    }

    /// The key may go once nothing is sealed to it any more.
    pub(super) fn forget_seal_when_done(&self) {
        // a lock that has just begun needs it
        let Ok(_open) = self.lock.changing.try_read() else {
            return;
        };
        let waits = |one: &Missing| !one.entry.leaving && !matches!(one.sealed, Sealed::Never);
        if self.missing().iter().any(waits) {
            return;
        }
        let accounts: Vec<Arc<Account>> = self.lock().values().cloned().collect();
        let is_unsaved = |one: &Arc<Account>| {
            let state = one.state();
            state.store_error.is_some() || state.may_be_sealed
        };
        if accounts.iter().any(is_unsaved) {
            return;
        }
        let mut state = self.lock.state();
        if matches!(*state, State::Opening(_)) {
            match private_file::remove(&self.lock.file) {
                Ok(()) => *state = State::Open,
                Err(error) => tracing::warn!("{}: {error}", self.lock.file.display()),
            }
        }
    }

    async fn lock_now(&self, password: Secret) -> Result<(), PasswordError> {
        if password.is_empty() {
            return Err(PasswordError::Empty);
        }
        if self.is_locked() {
            return Err(PasswordError::LockedAlready);
        }
        self.held.set_locked(true);
        let _changing = self.lock.changing.write().await;
        if self.is_locked() {
            return Err(PasswordError::LockedAlready);
        }
        // nothing is brought back meanwhile
        let restoring = self.restoring.lock().await;
        let key = match &*self.lock.state() {
            // entries that are still sealed to it must not be lost
            State::Opening(key) => key.clone(),
            State::Open | State::Locked(_) => Arc::new(SealKey::generate()),
        };
        let path = self.lock.file.clone();
        if let Err(error) = SealFile::write(path, key.clone(), password).await {
            self.held.set_locked(false);
            return Err(error);
        }
        *self.lock.state() = State::Locked(key.lid());
        for one in self.missing().iter_mut() {
            if matches!(one.sealed, Sealed::Never) {
                one.sealed = Sealed::No;
            }
        }
        let accounts: Vec<Arc<Account>> = self.lock().values().cloned().collect();
        for account in accounts {
            self.seal_account(&account, &key.lid()).await;
        }
        self.publish();
        drop(restoring);
        tracing::info!("locked");
        self.ask_store_anew().await;
        Ok(())
    }

    /// Takes an account out of the table; what is left of it is sealed.
    async fn seal_account(&self, account: &Arc<Account>, lid: &Lid) {
        // a renewal that was begun ends first, and what it brought is sealed
        let _my_turn = account.turn.lock().await;
        let is_held = self.is_held(account);
        let (missing, is_unsaved) = {
            let mut state = account.state();
            if state.gone {
                return;
            }
            state.gone = true;
            let record = state.record.to_secret().ok();
            let sealed = record.and_then(|record| lid.seal(&record).ok());
            let missing = Missing {
                entry: state.entry(&account.alias),
                reason: LOCKED.to_owned(),
                is_empty: false,
                sealed: sealed.map_or(Sealed::No, Sealed::Here),
            };
            (missing, state.store_error.is_some())
        };
        if !is_held {
            // dropped from memory while we waited: it is among the missing, if it is in a store
            let mut all = self.missing();
            let known = all.iter_mut().find(|one| one.entry.alias == account.alias);
            if let (Some(known), true) = (known, is_unsaved) {
                known.sealed = missing.sealed;
            }
            return;
        }
        self.missing().push(missing);
        self.lock().remove(&account.alias);
    }

    async fn unlock_now(&self, attempt: Attempt, password: Secret) -> Result<(), PasswordError> {
        let locked = self.is_locked();
        let Some(file) = SealFile::read(&self.lock.file)?.filter(|_| locked) else {
            attempt.succeeded();
            return Err(PasswordError::NotLocked);
        };
        let key = tokio::task::spawn_blocking(move || SealKey::unwrap(&file.identity, &password))
            .await
            .map_err(|_| PasswordError::Ending)?
            .map_err(|error| PasswordError::sealed(&self.lock.file, &error))?;
        attempt.succeeded();
        {
            let _changing = self.lock.changing.write().await;
            if !self.is_locked() {
                return Err(PasswordError::NotLocked);
            }
            *self.lock.state() = State::Opening(Arc::new(key));
            for one in self.missing().iter_mut() {
                "it was not read yet".clone_into(&mut one.reason);
            }
            self.held.set_locked(false);
        }
        tracing::info!("unlocked");
        self.ask_store_anew().await;
        Ok(())
    }
}
