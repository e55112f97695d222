//! Bringing accounts back from the store after a restart, as often as it takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opkssh_protocol::control::WhichAccount;

use super::index::Entry;
use super::record::Record;
use super::{Account, Accounts, now};

/// A locked keyring answers each question with a prompt, so it is not asked all the time.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// An account that the index knows and the store has not given back yet.
pub struct Missing {
    pub entry: Entry,
    /// In words, to follow "but".
    pub reason: String,
}

impl Accounts {
    /// Reads the index once and asks the store for every account in it.
    pub async fn restore(self: &Arc<Self>) {
        match self.index.read() {
            Ok(index) => {
                let missing = |entry| Missing {
                    entry,
                    reason: "it was not read yet".to_owned(),
                };
                self.missing()
                    .extend(index.accounts.into_iter().map(missing));
            }
            Err(error) => self.held.notice(error.to_string()),
        }
        self.restore_missing().await;
    }

    /// Asks the store again for what it did not give before: it may have been unlocked since. Goes
    /// on to its end even when nobody waits for it any more.
    pub async fn restore_missing(self: &Arc<Self>) {
        if self.missing().is_empty() {
            return;
        }
        let this = self.clone();
        let _ = tokio::spawn(async move { this.ask_store().await }).await;
    }

    /// Why the account that `which` names cannot be used, if it waits for the store.
    pub(super) fn why_missing(&self, which: &WhichAccount) -> Option<String> {
        let missing = self.missing();
        let found = match which {
            WhichAccount::Named(name) => missing.iter().find(|one| one.entry.alias == *name),
            _ => missing.first(),
        };
        found.map(|one| {
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
            match self.restore_one(&entry).await {
                Ok(account) => {
                    tracing::info!(account = entry.alias, "restored from the store");
                    self.missing().retain(|one| one.entry.alias != entry.alias);
                    self.lock().entry(entry.alias).or_insert(account);
                }
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
    async fn restore_one(&self, entry: &Entry) -> Result<Arc<Account>, (String, bool)> {
        let text = self
            .stores
            .load(entry.store, &entry.alias)
            .await
            .map_err(|error| (error.to_string(), false))?
            .ok_or_else(|| ("the keyring has no entry for it".to_owned(), true))?;
        let unreadable = |error: super::record::RecordError| (error.to_string(), true);
        let record = Record::from_secret(&text).map_err(unreadable)?;
        let credentials = record.credentials(now()).map_err(unreadable)?;
        Ok(Arc::new(Account::new(
            entry.alias.clone(),
            record,
            credentials,
            entry.store,
        )))
    }
}
