//! Bringing accounts back from the store after a restart, as often as it takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opkssh_protocol::control::WhichAccount;

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
}

impl Accounts {
    /// Reads the index: from now on every account of it is known, though not yet usable.
    pub fn read_index(&self) -> Result<(), StoreError> {
        let missing = |entry| Missing {
            entry,
            reason: "it was not read yet".to_owned(),
        };
        let index = self.index.read()?;
        self.missing()
            .extend(index.accounts.into_iter().map(missing));
        Ok(())
    }

    /// Asks the store again for what it did not give before: it may have been unlocked since. Goes
    /// on to its end even when nobody waits for it any more.
    pub async fn restore_missing(self: &Arc<Self>) {
        if self.missing().is_empty() {
            return;
        }
        let this = self.clone();
        self.to_its_end(async move { this.ask_store().await }).await;
    }

    /// Why the account that `which` names cannot be used, if it waits for the store.
    pub(super) fn why_missing(&self, which: &WhichAccount) -> Option<String> {
        let missing = self.missing();
        let found = match which {
            WhichAccount::Named(name) => missing.iter().find(|one| one.entry.alias == *name),
            _ => missing.first(),
        };
        found.filter(|one| !one.entry.leaving).map(|one| {
            format!(
                "account {} is in the keyring, but {}",
                one.entry.alias, one.reason
            )
        })
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
                Ok(()) => self.missing().retain(|one| one.entry.alias != entry.alias),
                Err((reason, go_on)) => {
                    tracing::warn!(account = entry.alias, "not restored: {reason}");
                    for one in self.missing().iter_mut() {
                        // a store that does not answer for one does not answer for the next
                        if one.entry.alias == entry.alias || !go_on {
                            one.reason.clone_from(&reason);
                        }
                    }
                    if !go_on {
                        break;
                    }
                }
            }
        }
        *asked = Some(Instant::now());
        self.publish();
    }

    /// Fails with the reason, and whether the store is worth asking for another.
    async fn restore_one(&self, entry: &Entry) -> Result<(), (String, bool)> {
        let text = self
            .stores
            .load(entry.store, &entry.alias)
            .await
            .map_err(|error| (error.to_string(), false))?
            .ok_or_else(|| ("the keyring has no entry for it".to_owned(), true))?;
        let unreadable = |error: RecordError| (error.to_string(), true);
        let record = Record::from_secret(&text).map_err(unreadable)?;
        let credentials = record.credentials(self.clock.now()).map_err(unreadable)?;
        let alias = entry.alias.clone();
        let turn = self.turn(&alias);
        let account = Account::new(alias.clone(), turn, record, credentials, entry.store);
        tracing::info!(account = alias, "restored from the store");
        self.lock().insert(alias, Arc::new(account));
        Ok(())
    }

    /// A logout that a crash or a locked keyring cut short.
    async fn finish_leaving(&self, entry: Entry) -> Result<(), (String, bool)> {
        let left = self.leave(entry, None).await;
        left.map(|_| ())
            .map_err(|error| (format!("its logout waits: {error}"), false))
    }
}
