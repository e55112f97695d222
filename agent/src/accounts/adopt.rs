//! A login that becomes an account: stored, tried for renewal, shown to ssh.

use std::sync::Arc;

use opkssh_protocol::control::{AccountStatus, Event, LoginRequest, Renewal};
use tokio::sync::mpsc;

use super::index::Entry;
use super::login::{self, LoggedIn, LoginFailure};
use super::record::{Record, RecordError};
use super::store::{StoreError, StoreKind};
use super::{Account, Accounts, now, report};

#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    #[error(transparent)]
    Login(#[from] LoginFailure),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the new account: {0}")]
    Record(#[from] RecordError),
    #[error("the login was interrupted")]
    Interrupted,
}

impl AdoptError {
    /// What the person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Login(failure) => failure.hint.clone(),
            Self::Store(StoreError::Index(_)) => None,
            Self::Store(_) => Some(
                "unlock the keyring and log in again; without a keyring, start the agent with: \
                 opkssh agent stop; opkssh agent run --store memory"
                    .to_owned(),
            ),
            Self::Record(_) | Self::Interrupted => None,
        }
    }
}

impl Accounts {
    /// Logs in and holds the result. Nothing is kept of a login that fails on the way.
    pub async fn log_in(
        self: &Arc<Self>,
        request: &LoginRequest,
        events: &mpsc::Sender<Event>,
    ) -> Result<AccountStatus, AdoptError> {
        let logged_in = login::log_in(&self.http, request, events, now).await?;
        let waiting = Event::Waiting {
            what: "Storing the login".to_owned(),
        };
        let _ = events.send(waiting).await;
        // from here on the provider has given something away: it is kept even if the client hangs
        // up now
        let this = self.clone();
        let principals = request.principals.clone();
        let send_access_token = request.send_access_token;
        let adopting =
            tokio::spawn(async move { this.adopt(logged_in, principals, send_access_token).await });
        adopting.await.unwrap_or(Err(AdoptError::Interrupted))
    }

    async fn adopt(
        self: &Arc<Self>,
        logged_in: LoggedIn,
        principals: Vec<String>,
        send_access_token: Option<bool>,
    ) -> Result<AccountStatus, AdoptError> {
        let LoggedIn {
            provider,
            key,
            pk_token,
            access_token,
            refresh_token,
            documents,
            browser,
        } = logged_in;
        let send = send_access_token.unwrap_or(provider.send_access_token);
        let renewal = if refresh_token.is_some() {
            Renewal::Unknown
        } else {
            Renewal::NeedsPerson
        };
        let record = Record::new(
            provider,
            principals,
            &key,
            &pk_token,
            send.then_some(access_token),
            refresh_token,
            renewal,
            now(),
        );
        match self.hold(record).await {
            Ok(account) => {
                // tells now, not in a day, whether the provider's tokens can be renewed
                let _ = self.renew_with(&account, &documents).await;
                let who = report::who(&account.state());
                drop(browser.say_logged_in(&who));
                Ok(self.report(&account))
            }
            Err(error) => {
                let hint = error.hint();
                drop(browser.say_failed(&error.to_string(), hint.as_deref()));
                Err(error)
            }
        }
    }

    /// Stores a record and puts it into the table, in place of an earlier one of its name.
    async fn hold(&self, record: Record) -> Result<Arc<Account>, AdoptError> {
        let credentials = record.credentials(now())?;
        let alias = record.provider.name().to_owned();
        let earlier = self.lock().get(&alias).cloned();
        // an earlier account's renewal in flight must not write over the new record
        let _changing = match &earlier {
            Some(earlier) => Some(earlier.changing.lock().await),
            None => None,
        };
        let store = self.store_for(&alias).await?;
        let mut record = record;
        if let Some(earlier) = &earlier {
            record.generation = earlier.state().record.generation + 1;
        }
        self.stores.save(store, &alias, record.to_secret()?).await?;
        self.enter_into_index(&record, &alias, store)?;
        self.missing()
            .retain(|missing| missing.entry.alias != alias);
        if let Some(earlier) = &earlier {
            earlier.state().gone = true;
        }
        let account = Arc::new(Account::new(alias.clone(), record, credentials, store));
        self.lock().insert(alias, account.clone());
        self.publish();
        Ok(account)
    }

    /// The store this account has already, else the one for new accounts.
    async fn store_for(&self, alias: &str) -> Result<StoreKind, AdoptError> {
        let index = self.index.read()?;
        let known = index.accounts.iter().find(|entry| entry.alias == alias);
        match known {
            // a keyring that went away is not silently replaced: its old token would stay behind
            Some(entry) if entry.store == StoreKind::SecretService => Ok(entry.store),
            _ => Ok(self.stores.choose().await?.kind),
        }
    }

    fn enter_into_index(
        &self,
        record: &Record,
        alias: &str,
        store: StoreKind,
    ) -> Result<(), AdoptError> {
        let mut index = self.index.read()?;
        index.accounts.retain(|entry| entry.alias != alias);
        // what memory holds is gone with the daemon, so there is nothing to remember
        if store != StoreKind::Memory {
            index.accounts.push(Entry {
                alias: alias.to_owned(),
                issuer: record.provider.issuer.clone(),
                client_id: record.provider.client_id.clone(),
                store,
                logged_in_at: record.logged_in_at,
            });
        }
        Ok(self.index.write(&index)?)
    }
}
