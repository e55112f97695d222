//! Logout: the provider forgets the refresh token, and so do we.

use std::sync::Arc;

use opkssh_protocol::control::{LoggedOut, WhichAccount};

use super::index::Entry;
use super::store::StoreError;
use super::{Account, Accounts, oidc};

impl Accounts {
    /// Logs out of the accounts that `which` names. Can be repeated: what is gone stays gone.
    pub async fn log_out(
        self: &Arc<Self>,
        which: &WhichAccount,
    ) -> Result<Vec<LoggedOut>, StoreError> {
        self.restore_missing().await;
        let mut logged_out = Vec::new();
        for account in self.find(which) {
            logged_out.push(self.log_out_of(&account).await?);
        }
        logged_out.extend(self.forget_missing(which).await?);
        Ok(logged_out)
    }

    async fn log_out_of(&self, account: &Arc<Account>) -> Result<LoggedOut, StoreError> {
        // a renewal in flight ends first; the next one finds the account gone
        let _changing = account.changing.lock().await;
        let (provider, refresh_token, store) = {
            let mut state = account.state();
            state.gone = true;
            let record = &state.record;
            (
                record.provider.clone(),
                record.refresh_token.clone(),
                state.store,
            )
        };
        self.lock().remove(&account.alias);
        self.publish();
        let revocation = match refresh_token {
            None => "there was no refresh token to revoke".to_owned(),
            Some(refresh_token) => match oidc::discover(&self.http, &provider.issuer).await {
                Ok(documents) => {
                    match oidc::revoke(&self.http, &documents, &provider, &refresh_token).await {
                        Ok(true) => "refresh token revoked at the provider".to_owned(),
                        Ok(false) => "the provider has no revocation endpoint".to_owned(),
                        Err(error) => format!("refresh token not revoked: {error}"),
                    }
                }
                Err(error) => format!("refresh token not revoked: {error}"),
            },
        };
        self.stores.delete(store, &account.alias).await?;
        self.remove_from_index(&account.alias)?;
        Ok(LoggedOut {
            alias: account.alias.clone(),
            issuer: provider.issuer,
            revocation,
        })
    }

    /// An account whose store does not give it back can still be forgotten.
    async fn forget_missing(&self, which: &WhichAccount) -> Result<Vec<LoggedOut>, StoreError> {
        let entries: Vec<Entry> = self.missing().iter().map(|one| one.entry.clone()).collect();
        let mut forgotten = Vec::new();
        for entry in entries {
            let meant = match which {
                WhichAccount::All => true,
                WhichAccount::Named(name) => entry.alias == *name,
                WhichAccount::Default | WhichAccount::ForHost(_) => false,
            };
            if meant {
                self.stores.delete(entry.store, &entry.alias).await?;
                self.remove_from_index(&entry.alias)?;
                self.missing().retain(|one| one.entry.alias != entry.alias);
                forgotten.push(LoggedOut {
                    alias: entry.alias,
                    issuer: entry.issuer,
                    revocation: "refresh token not revoked: it could not be read".to_owned(),
                });
            }
        }
        Ok(forgotten)
    }

    fn remove_from_index(&self, alias: &str) -> Result<(), StoreError> {
        let mut index = self.index.read()?;
        index.accounts.retain(|entry| entry.alias != alias);
        self.index.write(&index)
    }
}
