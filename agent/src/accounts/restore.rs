//! Bringing accounts back from the store after a restart, as often as it takes.

use std::sync::Arc;

use super::index::Entry;
use super::record::Record;
use super::{Account, Accounts, now};

/// An account that the index knows and the store has not given back yet.
pub struct Missing {
    pub entry: Entry,
    /// In words, to follow "but".
    pub reason: String,
}

impl Accounts {
    /// Reads the index once and asks the store for every account in it.
    pub async fn restore(&self) {
        match self.index.read() {
            Ok(index) => {
                let mut missing = self.missing.lock().await;
                let reason = "it was not read yet".to_owned();
                missing.extend(
                    index.accounts.into_iter().map(|entry| Missing { entry, reason: reason.clone() }),
                );
            }
            Err(error) => self.held.notice(error.to_string()),
        }
        self.restore_missing().await;
    }

    /// Asks the store again for what it did not give before: it may have been unlocked since.
    pub async fn restore_missing(&self) {
        let mut missing = self.missing.lock().await;
        if missing.is_empty() {
            return;
        }
        let mut still = Vec::new();
        let mut unavailable = None;
        for Missing { entry, .. } in missing.drain(..) {
            // one that does not answer will not answer the next either
            let reason = match &unavailable {
                Some(reason) => String::clone(reason),
                None => match self.stores.load(entry.store, &entry.alias).await {
                    Ok(None) => "the keyring has no entry for it".to_owned(),
                    Err(error) => unavailable.insert(error.to_string()).clone(),
                    Ok(Some(text)) => {
                        let read = Record::from_secret(&text)
                            .and_then(|record| Ok((record.credentials(now())?, record)));
                        match read {
                            Ok((credentials, record)) => {
                                let alias = entry.alias;
                                tracing::info!(account = alias, "restored from the store");
                                let account =
                                    Account::new(alias.clone(), record, credentials, entry.store);
                                self.lock().entry(alias).or_insert(Arc::new(account));
                                continue;
                            }
                            Err(error) => error.to_string(),
                        }
                    }
                },
            };
            tracing::warn!(account = entry.alias, "not restored: {reason}");
            still.push(Missing { entry, reason });
        }
        *missing = still;
        drop(missing);
        self.publish();
    }
}
