//! A login that becomes an account: stored, tried for renewal, shown to ssh.

use std::sync::Arc;

use opkssh_protocol::account_name::AccountName;
use opkssh_protocol::control::{
    AccountStatus, Asking, Event, Flow, Joining, LockedPart, LoginRequest, Renewal, WhichAccount,
};
use tokio::sync::mpsc;

use super::away::PUT_AWAY;
use super::login::shared_login::{Interrupted, LoginKey};
use super::login::{self, LoggedIn, LoginFailure};
use super::store::index::Entry;
use super::store::record::{Record, RecordError};
use super::store::{StoreError, StoreKind};
use super::whose::{Ambiguous, OtherPerson};
use super::{Account, Accounts, provider, report};
use crate::failpoint;
use crate::notices::Cause;

#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    #[error(transparent)]
    Login(#[from] LoginFailure),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the new account: {0}")]
    Record(#[from] RecordError),
    #[error("{0} is not logged in")]
    Unknown(String),
    #[error(transparent)]
    OtherPerson(#[from] OtherPerson),
    #[error(transparent)]
    Ambiguous(#[from] Ambiguous),
    #[error("the login that was under way is the account {got}'s, not {asked}'s")]
    Elsewhere { asked: String, got: String },
    #[error("the login was interrupted")]
    Interrupted,
    #[error("the agent is locked")]
    Locked,
    #[error("{PUT_AWAY}")]
    PutAway,
}

/// How a login ended well.
#[derive(Clone)]
pub enum Joined {
    LoggedIn(AccountStatus),
    /// There was no need: the account had become usable already.
    Usable(AccountStatus),
}

impl AdoptError {
    /// What the person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Login(failure) => failure.hint.clone(),
            Self::Store(error @ (StoreError::FileLocked | StoreError::FileNew)) => error.hint(),
            Self::Store(StoreError::Index(_) | StoreError::File(_) | StoreError::Seal(_)) => None,
            Self::Store(_) => Some(
                "unlock the keyring and log in again; without a keyring, start the agent with: \
                 opkssh agent stop; opkssh agent run --store memory"
                    .to_owned(),
            ),
            Self::OtherPerson(error) => Some(error.hint()),
            Self::Ambiguous(error) => Some(error.hint("opkssh login")),
            Self::Elsewhere { asked: alias, .. } | Self::Unknown(alias) => {
                Some(format!("log in: opkssh login {alias}"))
            }
            Self::Locked | Self::PutAway => Some("unlock it: opkssh agent unlock".to_owned()),
            Self::Record(_) | Self::Interrupted => None,
        }
    }

    /// What a person has to unlock first.
    pub fn locked_part(&self) -> Option<LockedPart> {
        match self {
            Self::Locked => Some(LockedPart::Agent),
            Self::PutAway => Some(LockedPart::Screen),
            Self::Store(error) => error.locked_part(),
            _ => None,
        }
    }
}

impl Accounts {
    /// Logs in and holds the result. Nothing is kept of a login that fails on the way. However
    /// many ask for the same login at once, there is one: see [`super::login::shared_login`].
    pub async fn log_in(
        self: &Arc<Self>,
        request: &LoginRequest,
        events: &mpsc::Sender<Event>,
    ) -> Result<Joined, Arc<AdoptError>> {
        let usable = || {
            let which = request.joining.unless_usable.as_ref()?;
            self.usable(which).map(Joined::Usable).map(Ok)
        };
        let (this, alone) = (self.clone(), request.clone());
        let begin = |events| async move {
            let logged_in = this.log_in_alone(&alone, &events).await;
            logged_in.map(Joined::LoggedIn).map_err(Arc::new)
        };
        let key = LoginKey::of(request, self.is_named_after_provider(request))
            .map_err(|_| AdoptError::from(RecordError::Syntax))?;
        let opens_browser = request.joining.opens_browser;
        let joined = self
            .logins
            .join(key, opens_browser, events, usable, begin)
            .await
            .unwrap_or_else(|Interrupted| Err(Arc::new(AdoptError::Interrupted)))?;
        match (&request.account, &joined) {
            // who was there first had named none, and another account came of it
            (Some(asked), Joined::LoggedIn(got)) if asked.as_str() != got.alias => {
                Err(Arc::new(AdoptError::Elsewhere {
                    asked: asked.to_string(),
                    got: got.alias.clone(),
                }))
            }
            _ => Ok(joined),
        }
    }

    /// The account, if it can be used now.
    fn usable(&self, which: &WhichAccount) -> Option<AccountStatus> {
        let account = self.find_one(which).ok()??;
        let is_usable = self.plan(&account.state()).is_usable(self.clock.now());
        is_usable.then(|| self.report(&account))
    }

    async fn log_in_alone(
        self: &Arc<Self>,
        request: &LoginRequest,
        events: &mpsc::Sender<Event>,
    ) -> Result<AccountStatus, AdoptError> {
        self.can_adopt(request).await?;
        let mut request = request.clone();
        if let ([provider], None) = (&request.providers[..], &request.asking.login_hint) {
            // helps the person to be who they were
            request.asking.login_hint = self.expected_person(request.account.as_ref(), provider);
        }
        let may_revoke = |issuer: &str, subject: Option<&str>| !self.shares_grant(issuer, subject);
        let context = login::Context {
            now: &|| self.clock.now(),
            may_revoke: &may_revoke,
        };
        let logged_in = login::log_in(&self.http, &request, &self.awaited, events, context).await?;
        let waiting = Event::Waiting {
            what: "Storing the login".to_owned(),
        };
        let _ = events.send(waiting).await;
        // from here on the provider has given something away
        let this = self.clone();
        self.to_its_end(async move { this.adopt(logged_in, request).await })
            .await
            .unwrap_or(Err(AdoptError::Interrupted))
    }

    /// Logs in anew to an account that there is, as it was logged in before.
    pub async fn log_in_again(
        self: &Arc<Self>,
        alias: &str,
        flow: Flow,
        asking: Asking,
        joining: Joining,
        events: &mpsc::Sender<Event>,
    ) -> Result<Joined, Arc<AdoptError>> {
        self.refuse_login_if_locked()?;
        self.restore_missing().await;
        let named = WhichAccount::Named(alias.to_owned());
        if let Some((_, StoreKind::File)) = self.why_missing(&named) {
            self.stores
                .is_open(StoreKind::File)
                .map_err(AdoptError::from)?;
        }
        let account = self.find_one(&named).map_err(AdoptError::from)?;
        let account = account.ok_or_else(|| AdoptError::Unknown(alias.to_owned()))?;
        let request = {
            let record = &account.state().record;
            LoginRequest {
                providers: vec![record.provider.clone()],
                key_type: record.key_type(),
                principals: record.principals.clone(),
                send_access_token: Some(record.access_token.is_some()),
                flow,
                again: true,
                account: Some(AccountName::existing(&account.alias)),
                asking,
                joining,
            }
        };
        // a lock meanwhile must leave nothing of it in memory
        drop(account);
        self.log_in(&request, events).await
    }

    fn refuse_login_if_locked(&self) -> Result<(), AdoptError> {
        match (self.is_locked(), self.is_put_away()) {
            (true, _) => Err(AdoptError::Locked),
            (false, true) => Err(AdoptError::PutAway),
            (false, false) => Ok(()),
        }
    }

    /// A command has logged in: its person can be asked again when that ends.
    pub fn note_person(&self, account: &AccountStatus) {
        self.questions.forget_answer(&account.alias);
    }

    /// What would make the login useless is said before anybody goes to a browser.
    async fn can_adopt(&self, request: &LoginRequest) -> Result<(), AdoptError> {
        self.refuse_login_if_locked()?;
        let index = self.index.read()?;
        let has_store = |name: &str| {
            let entry = index.accounts.iter().find(|entry| entry.alias == name);
            entry.map(|entry| entry.store)
        };
        for provider in &request.providers {
            let name = request.account.as_ref();
            match has_store(name.map_or(provider.name(), AccountName::as_str)) {
                Some(StoreKind::File) => self.stores.is_open(StoreKind::File)?,
                Some(StoreKind::SecretService | StoreKind::Memory) => {}
                None => self.stores.is_ready().await?,
            }
        }
        Ok(())
    }

    async fn adopt(
        self: &Arc<Self>,
        logged_in: LoggedIn,
        request: LoginRequest,
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
        let send = request
            .send_access_token
            .unwrap_or(provider.send_access_token);
        let renewal = if refresh_token.is_some() {
            Renewal::Unknown
        } else {
            Renewal::NeedsPerson
        };
        let record = Record::new(
            provider.clone(),
            request.principals,
            &key,
            &pk_token,
            send.then_some(access_token),
            refresh_token.clone(),
            renewal,
            self.clock.now(),
        );
        let subject = record.subject();
        match self.hold(record, request.account.as_ref()).await {
            Ok(account) => {
                // what was sealed under its name may have been the last
                self.forget_seal_when_done();
                // tells now, not in a day, whether the provider's tokens can be renewed
                let _ = self.renew_with(&account, &documents).await;
                let who = report::who(&account.state());
                if let Some(browser) = browser {
                    drop(browser.say_logged_in(&who));
                }
                Ok(self.report(&account))
            }
            Err(error) => {
                let hint = error.hint();
                if let Some(browser) = browser {
                    drop(browser.say_failed(&error.to_string(), hint.as_deref()));
                }
                // Nobody will ever use it. But where an account of this person is there, both
                // tokens may belong to one grant, and the end of one would be the other's. (So the
                // token of an account that a login replaces is left alone, too.)
                let is_alone = !self.shares_grant(&provider.issuer, subject.as_deref());
                if let Some(refresh_token) = refresh_token.filter(|_| is_alone) {
                    let _ =
                        provider::revoke(&self.http, &documents, &provider, &refresh_token).await;
                }
                Err(error)
            }
        }
    }

    /// Stores a record and puts it into the table, in place of an earlier one of its name, if that
    /// was the same person's.
    async fn hold(
        &self,
        mut record: Record,
        wanted: Option<&AccountName>,
    ) -> Result<Arc<Account>, AdoptError> {
        let credentials = record.credentials(self.clock.now())?;
        let _open = self.keep_open().await.ok_or(AdoptError::Locked)?;
        let alias = self.account_of_login(wanted, &record, &credentials)?;
        // a renewal or logout in flight under this name ends first, and must not undo this one
        let turn = self.turn(&alias);
        let _my_turn = turn.lock().await;
        // another login may have ended meanwhile
        let name = AccountName::existing(&alias);
        let alias = self.account_of_login(Some(&name), &record, &credentials)?;
        record.set_account(&alias);
        let earlier = self.lock().get(&alias).cloned();
        let store = self.store_for(&alias).await?;
        if let Some(earlier) = &earlier {
            record.generation = earlier.state().record.generation + 1;
        }
        self.save_new(&record, &alias, store).await?;
        failpoint::reached("login: stored");
        self.missing()
            .retain(|missing| missing.entry.alias != alias);
        if let Some(earlier) = &earlier {
            earlier.state().gone = true;
        }
        let account = Account::new(alias.clone(), turn.clone(), record, credentials, store);
        let account = Arc::new(account);
        {
            let mut accounts = self.lock();
            match self.goes_away(&account) {
                // the screen was locked while the person logged in
                Some(missing) => {
                    accounts.remove(&alias);
                    self.missing().push(missing);
                }
                None => {
                    accounts.insert(alias, account.clone());
                }
            }
        }
        for cause in Cause::ended_by_login(&account.alias) {
            self.held.notices.clear(&cause);
        }
        self.publish();
        Ok(account)
    }

    /// Index first, so that no secret is ever in the store without its name in the index.
    async fn save_new(
        &self,
        record: &Record,
        alias: &str,
        store: StoreKind,
    ) -> Result<(), AdoptError> {
        let mut before = None;
        self.index.change(alias, |entry| {
            before = entry;
            // what memory holds is gone with the daemon, so there is nothing to remember
            (store != StoreKind::Memory).then(|| Entry {
                visibility: Some(self.settings.of(record).visibility),
                ..Entry::new(alias, record, store)
            })
        })?;
        failpoint::reached("login: index written");
        let saved = self
            .stores
            .save_in_time(store, alias, record.to_secret()?)
            .await;
        if saved.is_err() {
            self.index.change(alias, |_| before)?;
        }
        Ok(saved?)
    }

    /// The store this account has already, else the one for new accounts.
    async fn store_for(&self, alias: &str) -> Result<StoreKind, AdoptError> {
        let index = self.index.read()?;
        let known = index.accounts.iter().find(|entry| entry.alias == alias);
        match known {
            // a keyring that went away is not silently replaced: its old token would stay behind
            Some(entry) => Ok(entry.store),
            None => Ok(self.stores.choose().await?.kind),
        }
    }
}
