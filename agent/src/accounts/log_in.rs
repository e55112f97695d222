//! A login that becomes an account: handed to the owner, stored, tried for renewal, shown to ssh.

use std::sync::Arc;
use std::time::Duration;

use opkssh_protocol::account_name::AccountName;
use opkssh_protocol::control::{
    AccountStatus, Asking, Event, Flow, Joining, LoginRequest, Renewal, WhichAccount,
};
use opkssh_protocol::secret::Secret;
use tokio::sync::{RwLock, mpsc};

use super::account_for_login::{
    account_of_login, expected_person, is_named_after_provider, shares_grant,
};
use super::audited::AuditedLogin;
use super::clock::Clock;
use super::credentials::{Credentials, Parts};
use super::lifecycle::StoreClosed;
use super::log_in_error::LogInError;
use super::login::awaited::Awaited;
use super::login::shared_login::{Interrupted, LoginKey, SharedLogins, Tell};
use super::login::{LoggedIn, LoginAttempt, Page};
use super::material::AccountFacts;
use super::owner::{NewLogin, Owner, Published, Taken};
use super::provider::revoke;
use super::select::find_one;
use super::store::index::IndexFile;
use super::store::{StoreKind, Stores};
use super::{locked, status};
use crate::audit::Audit;
use crate::desktop::surroundings::Surroundings;

/// How long a login waits to be stored and tried for renewal. The person may have to type the
/// keyring's password.
const STORE_TIMEOUT: Duration = Duration::from_secs(30);

/// Logs in, for all who ask.
pub struct Logins {
    owner: Owner,
    stores: Arc<Stores>,
    index: Arc<IndexFile>,
    surroundings: Arc<Surroundings>,
    clock: Clock,
    audit: Arc<Audit>,
    /// Where the browser's answers can be brought.
    pub awaited: Awaited,
    shared: SharedLogins<Result<Joined, Arc<LogInError>>>,
    /// Read while a login that the provider has granted is being kept, whoever has hung up.
    pub(super) keeping: Arc<RwLock<()>>,
}

/// How a login ended well.
#[derive(Clone)]
pub enum Joined {
    LoggedIn(AccountStatus),
    /// There was no need: the account had become usable already.
    Usable(AccountStatus),
}

impl Logins {
    pub fn new(
        owner: Owner,
        stores: Arc<Stores>,
        index: Arc<IndexFile>,
        surroundings: Arc<Surroundings>,
        clock: Clock,
        audit: Arc<Audit>,
    ) -> Self {
        Self {
            owner,
            stores,
            index,
            surroundings,
            clock,
            audit,
            awaited: Awaited::default(),
            shared: SharedLogins::default(),
            keeping: Arc::default(),
        }
    }

    /// Returns true if no login is under way.
    pub fn is_idle(&self) -> bool {
        self.shared.is_empty() && self.keeping.try_write().is_ok()
    }

    /// Waits until the accounts have what providers have granted, for so long at most.
    pub async fn finish(&self, limit: Duration) {
        let _ = tokio::time::timeout(limit, self.keeping.write()).await;
    }

    /// Logs in. However many ask for the same login at once, there is one: see
    /// [`super::login::shared_login`].
    pub async fn log_in(
        self: &Arc<Self>,
        request: &LoginRequest,
        events: &mpsc::Sender<Event>,
    ) -> Result<Joined, Arc<LogInError>> {
        let usable = || {
            let which = request.joining.unless_usable.as_ref()?;
            self.usable(which).map(Joined::Usable).map(Ok)
        };
        let (this, alone) = (self.clone(), request.clone());
        let begin = |tell| async move {
            let logged_in = this.log_in_alone(alone, tell).await;
            logged_in.map(Joined::LoggedIn).map_err(Arc::new)
        };
        let by_provider = is_named_after_provider(&self.owner.now().facts, request);
        let key = LoginKey::of(request, by_provider).map_err(|_| LogInError::Interrupted)?;
        let opens_browser = request.joining.opens_browser;
        let join = self.shared.join(key, opens_browser, events, usable, begin);
        let joined = LoginAttempt::within(request, join)
            .await
            .map_err(LogInError::Login)?
            .unwrap_or_else(|Interrupted| Err(Arc::new(LogInError::Interrupted)))?;
        match (&request.account, &joined) {
            // who was there first had named none, and another account came of it
            (Some(asked), Joined::LoggedIn(got)) if asked.as_str() != got.alias => {
                Err(Arc::new(LogInError::Elsewhere {
                    asked: asked.to_string(),
                    got: got.alias.clone(),
                }))
            }
            _ => Ok(joined),
        }
    }

    /// Logs in anew to an account that there is, as it was logged in before.
    pub async fn log_in_again(
        self: &Arc<Self>,
        alias: &str,
        flow: Flow,
        asking: Asking,
        joining: Joining,
        events: &mpsc::Sender<Event>,
    ) -> Result<Joined, Arc<LogInError>> {
        self.refuse_if_locked()?;
        self.owner.bring_back(STORE_TIMEOUT).await;
        let request = LoginRequest {
            flow,
            asking,
            joining,
            ..self.request_again(alias)?
        };
        self.log_in(&request, events).await
    }

    fn request_again(&self, alias: &str) -> Result<LoginRequest, LogInError> {
        let published = self.owner.now();
        let account = find_one(&published.facts, &WhichAccount::Named(alias.to_owned()))?;
        let unknown = || LogInError::Unknown(alias.to_owned());
        let account = account.ok_or_else(unknown)?;
        let Some(item) = account.item() else {
            let closed = account
                .store
                .and_then(|store| self.stores.is_open(store).err());
            return Err(closed.map_or_else(unknown, LogInError::Store));
        };
        let parts = &item.credentials.parts;
        Ok(LoginRequest {
            providers: vec![parts.provider.clone()],
            key_type: item.credentials.key_type(),
            principals: parts.principals.clone(),
            send_access_token: Some(parts.access_token.is_some()),
            flow: Flow::default(),
            again: true,
            account: Some(AccountName::existing(&account.name)),
            asking: Asking::default(),
            joining: Joining::default(),
        })
    }

    /// Returns the account, if it can be used now.
    fn usable(&self, which: &WhichAccount) -> Option<AccountStatus> {
        let (published, now) = (self.owner.now(), self.clock.now());
        let account = find_one(&published.facts, which).ok()??;
        let is_usable = published.is_usable(&account.name, now);
        let item = account.item().filter(|_| is_usable)?;
        Some(status::of_item(&published, account, item, now))
    }

    fn refuse_if_locked(&self) -> Result<(), LogInError> {
        match locked::part(&self.owner.now().facts) {
            Some(part) => Err(LogInError::Locked(part)),
            None => Ok(()),
        }
    }

    async fn log_in_alone(
        self: &Arc<Self>,
        request: LoginRequest,
        tell: Tell,
    ) -> Result<AccountStatus, LogInError> {
        let audited = AuditedLogin::begin(self.audit.clone(), &request);
        let (logged_in, request) = match self.attempt(request, &tell).await {
            Ok(done) => done,
            Err(error) => {
                audited.end(Err(&error));
                return Err(error);
            }
        };
        tell(Event::Waiting {
            what: "Storing the login".to_owned(),
        });
        // from here on the provider has given something away, whoever hangs up
        let this = self.clone();
        let keeping = self.keeping.clone().read_owned().await;
        let kept = tokio::spawn(async move {
            let _keeping = keeping;
            let kept = this.keep(logged_in, request).await;
            audited.end(kept.as_ref());
            kept
        });
        kept.await.unwrap_or(Err(LogInError::Interrupted))
    }

    /// Returns what the provider has granted, and the request with what was added to it.
    async fn attempt(
        &self,
        mut request: LoginRequest,
        tell: &Tell,
    ) -> Result<(LoggedIn, LoginRequest), LogInError> {
        self.refuse_useless(&request).await?;
        if let ([provider], None) = (&request.providers[..], &request.asking.login_hint) {
            // helps the person to be who they were
            let facts = &self.owner.now().facts;
            request.asking.login_hint = expected_person(facts, request.account.as_ref(), provider);
        }
        let login = LoginAttempt {
            surroundings: &self.surroundings,
            request: &request,
            awaited: &self.awaited,
            tell: &**tell,
            clock: &self.clock,
            may_revoke: &|issuer, subject| !shares_grant(&self.owner.now().facts, issuer, subject),
        };
        let logged_in = login.run().await.map_err(LogInError::Login)?;
        Ok((logged_in, request))
    }

    /// What would make the login useless is said before anybody goes to a browser.
    async fn refuse_useless(&self, request: &LoginRequest) -> Result<(), LogInError> {
        self.refuse_if_locked()?;
        let stores: Vec<_> = {
            let published = self.owner.now();
            let name = request.account.as_ref().map(AccountName::as_str);
            let names = request
                .providers
                .iter()
                .map(|one| name.unwrap_or(one.name()));
            names.map(|name| store_of(&published, name)).collect()
        };
        for store in stores {
            match store {
                Some(store) => self.stores.is_open(store)?,
                None => self.stores.is_ready().await?,
            }
            self.stores.ask_to_unlock(store).await?;
        }
        let index = self.index.clone();
        let tried = tokio::task::spawn_blocking(move || index.try_out());
        Ok(tried.await.map_err(|_| LogInError::Interrupted)??)
    }

    async fn keep(
        &self,
        logged_in: LoggedIn,
        request: LoginRequest,
    ) -> Result<AccountStatus, LogInError> {
        let client = logged_in.client;
        let send = request.send_access_token;
        let parts = Parts {
            provider: client.provider.clone(),
            principals: request.principals,
            key: Arc::new(logged_in.key),
            pk_token: logged_in.pk_token,
            access_token: send
                .unwrap_or(client.provider.send_access_token)
                .then_some(logged_in.access_token),
            renewal: match logged_in.refresh_token {
                Some(_) => Renewal::Unknown,
                None => Renewal::NeedsPerson,
            },
        };
        let subject = parts.pk_token.claims().sub().to_owned();
        let refresh_token = logged_in.refresh_token;
        let kept = self
            .hand_over(parts, refresh_token.clone(), request.account)
            .await;
        if let Some(browser) = logged_in.browser {
            drop(browser.answer(match &kept {
                Ok((_, who)) => Page::logged_in(who),
                Err(error) => Page::failed(&error.to_string(), error.hint().as_deref()),
            }));
        }
        // Nobody will ever use a refused login's token. But where an account of this person is
        // there, both tokens may belong to one grant, and the end of one would be the other's. (So
        // the token of an account that a login replaces is left alone, too.)
        if kept.is_err()
            && let Some(refresh_token) = refresh_token
            && !shares_grant(
                &self.owner.now().facts,
                &client.provider.issuer,
                Some(&subject),
            )
        {
            let _ = revoke(&client, &refresh_token).await;
        }
        kept.map(|(status, _)| status)
    }

    /// Returns the new account, and who it is in a word.
    async fn hand_over(
        &self,
        parts: Parts,
        refresh_token: Option<Secret>,
        wanted: Option<AccountName>,
    ) -> Result<(AccountStatus, String), LogInError> {
        let credentials = Credentials::mint(parts, self.clock.now())?;
        let who = credentials.who().to_owned();
        let known = {
            let published = self.owner.now();
            let name = account_of_login(&published.facts, wanted.as_ref(), &credentials)?;
            store_of(&published, &name)
        };
        let store = match known {
            Some(store) => Some(store),
            None => self.stores.choose().await?.durable(),
        };
        let taken = self
            .owner
            .log_in(NewLogin {
                wanted,
                store,
                refresh_token,
                credentials,
            })
            .await?;
        let status = self.settled(&taken).await;
        Ok((status.ok_or(LogInError::Interrupted)?, who))
    }

    /// Waits until the login is stored and it is known whether it can be renewed. A store that
    /// fails gets it later, and `status` says so.
    async fn settled(&self, taken: &Taken) -> Option<AccountStatus> {
        let mut latest = None;
        let settled = |published: &Published| {
            let account = published.account(&taken.name);
            let Some(account) = account.filter(|one| one.login == taken.login) else {
                return Some(());
            };
            let now = self.clock.now();
            let item = account.item();
            let status = item.map(|item| status::of_item(published, account, item, now));
            latest = status.or(latest.take());
            has_settled(published, account).then_some(())
        };
        self.owner.wait_for(STORE_TIMEOUT, settled).await;
        latest
    }
}

fn has_settled(published: &Published, account: &AccountFacts) -> bool {
    let agent = &published.facts.agent;
    if agent.lock.hides() {
        return true;
    }
    let is_stored = account.store.is_none() || account.is_saved();
    let is_known = !account.refresh.learn || agent.is_away();
    let closed = agent.closed_store(account);
    // one that is silent may wait for its password
    let has_failed = closed.is_some_and(|closed| match closed.why {
        StoreClosed::Locked => true,
        StoreClosed::Silent => !published.is_store_silent(account),
    });
    // accounts.json cannot be written
    let has_failed = has_failed || account.retries.index.is_some();
    (is_stored && is_known) || (has_failed && account.in_flight.is_none())
}

/// The store that an account of this name has already.
fn store_of(published: &Published, name: &str) -> Option<StoreKind> {
    let account = published.account(name)?;
    account.index.as_ref().and(account.store)
}
