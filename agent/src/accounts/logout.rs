//! Logout: the provider forgets the refresh token, and so do we.
//!
//! The index says first that the account is leaving, so that neither a crash nor a keyring that
//! does not answer brings it back; what could not be done is done when the keyring answers again.

use std::collections::BTreeSet;
use std::sync::Arc;

use opkssh_protocol::control::{LoggedOut, WhichAccount};

use super::missing::Missing;
use super::store::index::Entry;
use super::store::record::Record;
use super::store::{StoreError, StoreKind};
use super::whose::Ambiguous;
use super::{Account, Accounts, provider};
use crate::failpoint;

#[derive(Debug, thiserror::Error)]
pub enum LogoutError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ambiguous(#[from] Ambiguous),
}

impl LogoutError {
    /// What the person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Store(
                StoreError::Unavailable(_)
                | StoreError::Locked
                | StoreError::PromptDismissed
                | StoreError::Busy
                | StoreError::TimedOut,
            ) => "unlock the keyring and log out again: opkssh logout".to_owned(),
            Self::Store(error) => error
                .hint()
                .unwrap_or_else(|| "log out again: opkssh logout".to_owned()),
            Self::Ambiguous(error) => error.hint("opkssh logout"),
        }
    }
}

impl Accounts {
    /// Logs out of the accounts that `which` names. Can be repeated: what is gone stays gone. All
    /// are tried; the first failure is reported when all were.
    pub async fn log_out(
        self: &Arc<Self>,
        which: WhichAccount,
    ) -> Result<Vec<LoggedOut>, LogoutError> {
        self.restore_missing().await;
        self.find_one(&which)?;
        self.refuse_if_ambiguous(&which)?;
        let this = self.clone();
        self.to_its_end(async move {
            let mut outcomes = Vec::new();
            // both first: the words mean something else when the first account is gone
            let (held, missing) = (this.find(&which), this.missing_entries(&which));
            for account in held {
                outcomes.push(this.log_out_of(&account).await);
            }
            for entry in missing {
                outcomes.push(this.log_out_of_missing(entry).await);
            }
            // the last thing that was sealed may be given up with this
            this.forget_seal_when_done();
            let outcomes: Result<_, StoreError> = outcomes.into_iter().collect();
            Ok(outcomes?)
        })
        .await
        .unwrap_or_else(|| Err(StoreError::Unavailable("the agent ends".to_owned()).into()))
    }

    pub(super) async fn log_out_of(&self, account: &Arc<Account>) -> Result<LoggedOut, StoreError> {
        // a renewal in flight ends first; the next one finds the account gone
        let _my_turn = account.turn.lock().await;
        if let Some(entry) = self.locked_entry(&account.alias) {
            return self.leave(entry, None).await;
        }
        let (record, store) = {
            let mut state = account.state();
            if state.gone {
                // somebody else logged out, or in anew, while we waited
                let provider = &state.record.provider;
                return Ok(LoggedOut {
                    alias: account.alias.clone(),
                    issuer: provider.issuer.clone(),
                    revocation: "it was logged out already".to_owned(),
                });
            }
            state.gone = true;
            (state.record.clone(), state.store)
        };
        self.lock().remove(&account.alias);
        self.publish();
        let entry = Entry {
            leaving: true,
            ..Entry::new(&account.alias, &record, store)
        };
        self.leave(entry, Some(&record)).await
    }

    /// An account that the store has not given back, or that is leaving since an earlier logout.
    async fn log_out_of_missing(&self, entry: Entry) -> Result<LoggedOut, StoreError> {
        let turn = self.turn(&entry.alias);
        let _my_turn = turn.lock().await;
        if !self.is_missing(&entry.alias) {
            let Entry { alias, issuer, .. } = entry;
            let revocation = "it was logged out already".to_owned();
            return Ok(LoggedOut {
                alias,
                issuer,
                revocation,
            });
        }
        self.leave(
            Entry {
                leaving: true,
                ..entry
            },
            None,
        )
        .await
    }

    /// The steps of leaving, each of which can be repeated. The caller has the account's turn.
    pub(super) async fn leave(
        &self,
        entry: Entry,
        record: Option<&Record>,
    ) -> Result<LoggedOut, StoreError> {
        if entry.store != StoreKind::Memory
            && let Err(error) = self.index.change(&entry.alias, |_| Some(entry.clone()))
        {
            return Err(self.wait_to_leave(entry, error));
        }
        failpoint::reached("logout: tombstone written");
        let revocation = match record {
            Some(record) => self.revoke(record).await,
            None if self.is_locked() => {
                "refresh token not revoked: it is sealed, the agent is locked".to_owned()
            }
            None => match self.stored_record(&entry).await {
                Ok(Some(record)) => self.revoke(&record).await,
                _ => "refresh token not revoked: it could not be read".to_owned(),
            },
        };
        failpoint::reached("logout: token revoked");
        if let Err(error) = self.stores.delete(entry.store, &entry.alias).await {
            return Err(self.wait_to_leave(entry, error));
        }
        self.missing().retain(|one| one.entry.alias != entry.alias);
        failpoint::reached("logout: secret deleted");
        self.index.change(&entry.alias, |_| None)?;
        self.settings.forget(&entry.alias);
        failpoint::reached("logout: tombstone removed");
        Ok(LoggedOut {
            alias: entry.alias,
            issuer: entry.issuer,
            revocation,
        })
    }

    /// It goes on when the store is asked again.
    fn wait_to_leave(&self, entry: Entry, error: StoreError) -> StoreError {
        let reason = format!("its logout waits: {error}");
        let mut missing = self.missing();
        missing.retain(|one| one.entry.alias != entry.alias);
        missing.push(Missing::new(entry, reason));
        error
    }

    /// What became of the refresh token at the provider, in words.
    async fn revoke(&self, record: &Record) -> String {
        let Some(refresh_token) = &record.refresh_token else {
            return "there was no refresh token to revoke".to_owned();
        };
        let provider = &record.provider;
        let revoked = match provider::discover(&self.http, &provider.issuer).await {
            Ok(documents) => {
                provider::revoke(&self.http, &documents, provider, refresh_token).await
            }
            Err(error) => Err(error),
        };
        match revoked {
            Ok(true) => "refresh token revoked at the provider".to_owned(),
            Ok(false) => "the provider has no revocation endpoint".to_owned(),
            Err(error) => format!("refresh token not revoked: {error}"),
        }
    }

    async fn stored_record(&self, entry: &Entry) -> Result<Option<Record>, StoreError> {
        let text = self.stores.load(entry.store, &entry.alias).await?;
        Ok(text.and_then(|text| Record::from_secret(&text).ok()))
    }

    /// A provider's name may mean accounts that the store has not given back, too.
    fn refuse_if_ambiguous(&self, which: &WhichAccount) -> Result<(), Ambiguous> {
        let WhichAccount::Named(word) = which else {
            return Ok(());
        };
        let held = self.find(which).into_iter().map(|one| one.alias.clone());
        let missing = self.missing_entries(which).into_iter();
        let missing = missing
            .filter(|entry| !entry.leaving)
            .map(|entry| entry.alias);
        let accounts: BTreeSet<String> = held.chain(missing).collect();
        match accounts.len() {
            0 | 1 => Ok(()),
            _ => Err(Ambiguous::among(word, accounts)),
        }
    }

    /// Those of the accounts in the index that are not in the table.
    fn missing_entries(&self, which: &WhichAccount) -> Vec<Entry> {
        let wanted = self.settings.default_account();
        let has_table = |name: &str| self.lock().contains_key(name);
        let is_named = match which {
            WhichAccount::Named(name) => has_table(name) || self.is_missing(name),
            _ => false,
        };
        let missing = self.missing();
        let entries = missing.iter().map(|one| &one.entry);
        let mut staying = entries.clone().filter(|entry| !entry.leaving);
        let default = match wanted {
            Some(name) => staying.find(|entry| entry.alias == name),
            None => staying.max_by_key(|entry| entry.logged_in_at),
        };
        let default = default.filter(|_| self.is_locked() || self.is_put_away());
        let meant = entries.filter(|entry| match which {
            WhichAccount::All => true,
            WhichAccount::Named(name) if is_named => entry.alias == *name,
            WhichAccount::Named(name) => entry.is_called(name),
            // a logout that waits is repeated by the words it was asked for with
            WhichAccount::Default | WhichAccount::ForHost(_) | WhichAccount::MeantForHost(_) => {
                entry.leaving || default.is_some_and(|default| default.alias == entry.alias)
            }
        });
        meant.cloned().collect()
    }

    /// An account that a lock has put away while a logout waited for its turn.
    fn locked_entry(&self, alias: &str) -> Option<Entry> {
        let missing = self.missing();
        let one = missing.iter().find(|one| one.entry.alias == alias)?;
        Some(Entry {
            leaving: true,
            ..one.entry.clone()
        })
    }
}
