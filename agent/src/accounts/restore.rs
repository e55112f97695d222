//! Bringing accounts back from the store after a restart, as often as it takes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use opkssh_protocol::control::WhichAccount;

use super::forget::DROPPED;
use super::index::Entry;
use super::record::{Record, RecordError};
use super::store::StoreError;
use super::{Account, Accounts};

/// A locked keyring answers each question with a prompt, so it is not asked all the time.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// An account that the index knows and the store has not given back yet.
pub struct Missing {
    pub entry: Entry,
    /// In words, to follow "but".
    pub reason: String,
    /// The store says that it has nothing: the login was cut short, or somebody removed the entry.
    pub is_empty: bool,
}

/// Why an account did not come back.
struct NotRestored {
    reason: String,
    /// It is worth asking the store for another.
    go_on: bool,
    is_empty: bool,
}

impl NotRestored {
    fn store(error: &StoreError) -> Self {
        Self {
            reason: error.to_string(),
            go_on: false,
            is_empty: false,
        }
    }

    fn unreadable(error: &RecordError) -> Self {
        Self {
            reason: error.to_string(),
            go_on: true,
            is_empty: false,
        }
    }
}

impl Accounts {
    /// Reads the index: from now on every account of it is known, though not yet usable.
    pub fn read_index(&self) -> Result<(), StoreError> {
        let missing = |entry| Missing {
            entry,
            reason: "it was not read yet".to_owned(),
            is_empty: false,
        };
        let index = self.index.read()?;
        self.missing()
            .extend(index.accounts.into_iter().map(missing));
        Ok(())
    }

    /// Asks the store again for what it did not give before: it may have been unlocked since. Goes
    /// on to its end even when nobody waits for it any more.
    pub async fn restore_missing(self: &Arc<Self>) {
        if self.missing().is_empty() || self.asleep.load(Ordering::Relaxed) {
            return;
        }
        let this = self.clone();
        self.to_its_end(async move { this.ask_store().await }).await;
    }

    /// Why the account that `which` names cannot be used, if it waits for the store.
    pub(super) fn why_missing(&self, which: &WhichAccount) -> Option<String> {
        let missing = self.missing();
        let found = match which {
            WhichAccount::Named(name) => missing.iter().find(|one| one.entry.is_called(name)),
            _ => missing.first(),
        };
        found.filter(|one| !one.entry.leaving).map(|one| {
            format!(
                "account {} is in the keyring, but {}",
                one.entry.alias, one.reason
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

    async fn ask_store(&self) {
        let mut asked = self.restoring.lock().await;
        if asked.is_some_and(|asked| asked.elapsed() < ASK_AGAIN) {
            return;
        }
        let entries: Vec<Entry> = self.missing().iter().map(|one| one.entry.clone()).collect();
        for entry in entries {
            let turn = self.turn(&entry.alias);
            let _my_turn = turn.lock().await;
            // a login under this name may have come first
            if !self.is_missing(&entry.alias) {
                continue;
            }
            let restored = match entry.leaving {
                true => self.finish_leaving(entry.clone()).await,
                false => self.restore_one(&entry).await,
            };
            match restored {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(account = entry.alias, "not restored: {}", error.reason);
                    for one in self.missing().iter_mut() {
                        // a store that does not answer for one does not answer for the next
                        if one.entry.alias == entry.alias || !error.go_on {
                            one.reason.clone_from(&error.reason);
                            one.is_empty = error.is_empty;
                        }
                    }
                    if !error.go_on {
                        break;
                    }
                }
            }
        }
        *asked = Some(Instant::now());
        self.publish();
    }

    async fn restore_one(&self, entry: &Entry) -> Result<(), NotRestored> {
        let text = self
            .stores
            .load(entry.store, &entry.alias)
            .await
            .map_err(|error| NotRestored::store(&error))?
            .ok_or_else(|| NotRestored {
                reason: "the keyring has no entry for it".to_owned(),
                go_on: true,
                is_empty: true,
            })?;
        let unreadable = |error: RecordError| NotRestored::unreadable(&error);
        let mut record = Record::from_secret(&text).map_err(unreadable)?;
        record.set_account(&entry.alias);
        let credentials = record.credentials(self.clock.now()).map_err(unreadable)?;
        let alias = entry.alias.clone();
        let turn = self.turn(&alias);
        let account = Account::new(alias.clone(), turn, record, credentials, entry.store);
        let mut accounts = self.lock();
        if self.asleep.load(Ordering::Relaxed) {
            return Err(NotRestored {
                reason: DROPPED.to_owned(),
                go_on: false,
                is_empty: false,
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
