//! Bringing accounts back from the store after a restart, as often as it takes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use opkssh_protocol::control::WhichAccount;
use opkssh_protocol::secret::Secret;

use super::missing::{AWAY, DROPPED, Missing, Sealed};
use super::store::index::Entry;
use super::store::record::{Record, RecordError};
use super::store::seal::is_sealed;
use super::store::{StoreError, StoreKind};
use super::{Account, Accounts};

/// A locked keyring answers each question with a prompt, so it is not asked all the time.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Why an account did not come back.
pub(super) struct NotRestored {
    reason: String,
    /// It is worth asking the store for another.
    go_on: bool,
    is_empty: bool,
    /// The store may have it sealed, for all that is known: its key must not be thrown away.
    may_be_sealed: bool,
}

impl NotRestored {
    pub fn store(error: &StoreError) -> Self {
        Self {
            // about this one entry, where all else is silence
            go_on: matches!(error, StoreError::Unreadable),
            ..Self::unreadable(error)
        }
    }

    pub fn unreadable(reason: &impl ToString) -> Self {
        Self {
            reason: reason.to_string(),
            go_on: true,
            is_empty: false,
            may_be_sealed: false,
        }
    }

    pub fn empty(entry: &Entry) -> Self {
        let reason = format!("{} has no entry for it", entry.store.place());
        match entry.sealed {
            // perhaps another keyring answers than the one that has it
            true => Self {
                is_empty: true,
                may_be_sealed: true,
                ..Self::unreadable(&format!(
                    "{reason}, but had it sealed: the password counts until it is back, or given \
                     up: opkssh logout {}",
                    entry.alias
                ))
            },
            false => Self {
                is_empty: true,
                ..Self::unreadable(&reason)
            },
        }
    }
}

impl Accounts {
    /// Reads the index: from now on every account of it is known, though not yet usable.
    pub fn read_index(&self) -> Result<(), StoreError> {
        self.read_seal().map_err(StoreError::Seal)?;
        let missing = |entry| Missing::new(entry, "it was not read yet".to_owned());
        let index = self.index.read()?;
        for entry in &index.accounts {
            if let Some(visibility) = &entry.visibility {
                self.settings.keep(&entry.alias, visibility);
                self.settings.note_written(&entry.alias);
            }
        }
        self.missing()
            .extend(index.accounts.into_iter().map(missing));
        Ok(())
    }

    /// Asks the store again for what it did not give before: it may have been unlocked since. Goes
    /// on to its end even when nobody waits for it any more.
    pub async fn restore_missing(self: &Arc<Self>) {
        // what was dropped from memory has to be sealed all the same
        let is_asleep = self.asleep.load(Ordering::Relaxed) && !self.is_locked();
        if self.missing().is_empty() || is_asleep {
            return;
        }
        let this = self.clone();
        self.to_its_end(async move { this.ask_store().await }).await;
    }

    /// Why the account that `which` names cannot be used, if it waits for the store.
    pub(super) fn why_missing(&self, which: &WhichAccount) -> Option<(String, StoreKind)> {
        let missing = self.missing();
        let found = match which {
            WhichAccount::Named(name) => missing.iter().find(|one| one.entry.is_called(name)),
            _ => missing.first(),
        };
        found.filter(|one| !one.entry.leaving).map(|one| {
            let Missing { entry, reason, .. } = one;
            let (alias, store) = (&entry.alias, entry.store.place());
            (
                format!("account {alias} is in {store}, but {reason}"),
                entry.store,
            )
        })
    }

    /// The account that `which` names if only a login brings it back: the store has nothing of it.
    pub(super) fn is_empty_in_store(&self, which: &WhichAccount) -> Option<String> {
        let missing = self.missing();
        let found = missing.iter().find(|one| match which {
            WhichAccount::Named(name) => one.entry.alias == *name,
            _ => true,
        });
        found
            .filter(|one| one.is_empty && !one.entry.leaving)
            .map(|one| one.entry.alias.clone())
    }

    /// What was asked lately may have another answer now: somebody has unlocked something.
    pub(super) async fn ask_store_anew(&self) {
        *self.restoring.lock().await = None;
        self.ask_store().await;
    }

    async fn ask_store(&self) {
        let mut asked = self.restoring.lock().await;
        if asked.is_some_and(|asked| asked.elapsed() < ASK_AGAIN) {
            return;
        }
        let entries: Vec<Entry> = self.missing().iter().map(|one| one.entry.clone()).collect();
        // a store that does not answer for one does not answer for the next
        let mut silent: Vec<StoreKind> = Vec::new();
        for entry in entries {
            if silent.contains(&entry.store) {
                continue;
            }
            let turn = self.turn(&entry.alias);
            let _my_turn = turn.lock().await;
            // a login under this name may have come first
            if !self.is_missing(&entry.alias) {
                continue;
            }
            let restored = match (entry.leaving, self.lid()) {
                (true, _) => self.finish_leaving(entry.clone()).await,
                (false, Some(lid)) => match self.seal_one(&entry, &lid).await {
                    Ok(()) => continue,
                    Err(failed) => Err(failed),
                },
                (false, None) if self.is_put_away() => {
                    self.say_put_away(&entry.alias);
                    continue;
                }
                (false, None) => self.restore_one(&entry).await,
            };
            match restored {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(account = entry.alias, "not restored: {}", error.reason);
                    if !error.go_on {
                        silent.push(entry.store);
                    }
                    for one in self.missing().iter_mut() {
                        let is_it = one.entry.alias == entry.alias;
                        if is_it && error.go_on && !error.may_be_sealed {
                            one.sealed = Sealed::Never;
                        }
                        if is_it || (!error.go_on && one.entry.store == entry.store) {
                            one.reason.clone_from(&error.reason);
                            one.is_empty = error.is_empty;
                        }
                    }
                }
            }
        }
        *asked = Some(Instant::now());
        self.forget_seal_when_done();
        self.publish();
    }

    async fn restore_one(&self, entry: &Entry) -> Result<(), NotRestored> {
        let text = match self.sealed_here(&entry.alias) {
            Some(sealed) => Secret::new(sealed),
            None => self
                .stores
                .load(entry.store, &entry.alias)
                .await
                .map_err(|error| NotRestored::store(&error))?
                .ok_or_else(|| NotRestored::empty(entry))?,
        };
        let was_sealed = is_sealed(text.expose());
        let text = match was_sealed {
            true => self
                .unseal(&text)
                .map_err(|reason| NotRestored::unreadable(&reason))?,
            false => text,
        };
        let alias = entry.alias.clone();
        // in clear again before anything else, or it would be lost with the key
        let written = match (was_sealed, entry.sealed) {
            (true, _) => {
                let text = text.clone();
                self.save_in_clear(entry.store, &alias, text, true).await
            }
            // a crash came after the note in the index and before the seal
            (false, true) => self.index.note_sealed(&alias, false),
            (false, false) => Ok(()),
        };
        let unreadable = |error: RecordError| NotRestored {
            may_be_sealed: written.is_err(),
            ..NotRestored::unreadable(&error)
        };
        let mut record = Record::from_secret(&text).map_err(unreadable)?;
        record.set_account(&alias);
        let credentials = record.credentials(self.clock.now()).map_err(unreadable)?;
        let turn = self.turn(&alias);
        let account = Account::new(alias.clone(), turn, record, credentials, entry.store);
        if let Err(error) = written {
            // the clockwork tries again
            let mut state = account.state();
            state.store_error = Some(error);
            state.may_be_sealed = true;
            state.save_at = Some(self.save_next());
        }
        let mut accounts = self.lock();
        let dropped = self.asleep.load(Ordering::Relaxed);
        if dropped || self.is_put_away() {
            let reason = if dropped { DROPPED } else { AWAY };
            return Err(NotRestored {
                reason: reason.to_owned(),
                go_on: false,
                is_empty: false,
                may_be_sealed: false,
            });
        }
        tracing::info!(account = alias, "restored from the store");
        // both under the table's lock: it may be dropped again at once
        self.missing().retain(|one| one.entry.alias != alias);
        accounts.insert(alias, Arc::new(account));
        Ok(())
    }

    /// A logout that a crash or a locked keyring cut short.
    async fn finish_leaving(&self, entry: Entry) -> Result<(), NotRestored> {
        let left = self.leave(entry, None).await;
        left.map(|_| ()).map_err(|error| NotRestored {
            reason: format!("its logout waits: {error}"),
            ..NotRestored::store(&error)
        })
    }
}
