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
use super::clock::Clock;
use super::credentials::{Credentials, Parts};
use super::lifecycle::StoreClosed;
use super::log_in_error::LogInError;
use super::login::awaited::{Awaited, NotAwaited};
use super::login::shared_login::{Interrupted, LoginKey, SharedLogins};
use super::login::{self, LoggedIn};
use super::material::AccountFacts;
use super::owner::{NewLogin, Owner, Published, Taken};
use super::provider::{self, Http};
use super::select::find_one;
use super::store::{StoreKind, Stores};
use super::{locked, status};

/// How long a login waits to be stored and tried for renewal. The person may have to type the
/// keyring's password.
const PATIENCE: Duration = Duration::from_secs(30);

/// Logs in, for all who ask.
pub struct Logins {
    owner: Owner,
    stores: Arc<Stores>,
    http: Arc<Http>,
    clock: Clock,
    awaited: Awaited,
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
    pub fn new(owner: Owner, stores: Arc<Stores>, http: Arc<Http>, clock: Clock) -> Self {
        Self {
            owner,
            stores,
            http,
            clock,
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

    /// Brings the browser's answer to the login that waits for it.
    pub fn bring(&self, answer: &Secret) -> Result<(), NotAwaited> {
        self.awaited.bring(answer)
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
        let begin = |events| async move {
            let logged_in = this.log_in_alone(&alone, &events).await;
            logged_in.map(Joined::LoggedIn).map_err(Arc::new)
        };
        let by_provider = is_named_after_provider(&self.owner.now().facts, request);
        let key = LoginKey::of(request, by_provider).map_err(|_| LogInError::Interrupted)?;
        let opens_browser = request.joining.opens_browser;
        let joined = self
            .shared
            .join(key, opens_browser, events, usable, begin)
            .await
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
        self.owner.bring_back(PATIENCE).await;
        let request = self.request_again(alias, flow, asking, joining)?;
        self.log_in(&request, events).await
    }

    fn request_again(
        &self,
        alias: &str,
        flow: Flow,
        asking: Asking,
        joining: Joining,
    ) -> Result<LoginRequest, LogInError> {
        let published = self.owner.now();
        let account = find_one(&published.facts, &WhichAccount::Named(alias.to_owned()))?;
        let unknown = || LogInError::Unknown(alias.to_owned());
        let account = account.ok_or_else(unknown)?;
        let Some(item) = account.item() else {
            return Err(match account.store {
                Some(store) => self.stores.is_open(store).err(),
                None => None,
            }
            .map_or_else(unknown, LogInError::Store));
        };
        let parts = &item.credentials.parts;
        Ok(LoginRequest {
            providers: vec![parts.provider.clone()],
            key_type: item.credentials.key_type(),
            principals: parts.principals.clone(),
            send_access_token: Some(parts.access_token.is_some()),
            flow,
            again: true,
            account: Some(AccountName::existing(&account.name)),
            asking,
            joining,
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
        request: &LoginRequest,
        events: &mpsc::Sender<Event>,
    ) -> Result<AccountStatus, LogInError> {
        self.refuse_useless(request).await?;
        let mut request = request.clone();
        if let ([provider], None) = (&request.providers[..], &request.asking.login_hint) {
            // helps the person to be who they were
            let facts = &self.owner.now().facts;
            request.asking.login_hint = expected_person(facts, request.account.as_ref(), provider);
        }
        let may_revoke = |issuer: &str, subject: Option<&str>| {
            !shares_grant(&self.owner.now().facts, issuer, subject)
        };
        let context = login::Context {
            now: &|| self.clock.now(),
            may_revoke: &may_revoke,
        };
        let logged_in = login::log_in(&self.http, &request, &self.awaited, events, context).await?;
        let waiting = Event::Waiting {
            what: "Storing the login".to_owned(),
        };
        let _ = events.send(waiting).await;
        // from here on the provider has given something away, whoever hangs up
        let this = self.clone();
        let keeping = self.keeping.clone().read_owned().await;
        let kept = tokio::spawn(async move {
            let _keeping = keeping;
            this.keep(logged_in, request).await
        });
        kept.await.unwrap_or(Err(LogInError::Interrupted))
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
        }
        Ok(())
    }

    async fn keep(
        &self,
        logged_in: LoggedIn,
        request: LoginRequest,
    ) -> Result<AccountStatus, LogInError> {
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
        let parts = Parts {
            provider: provider.clone(),
            principals: request.principals,
            key: Arc::new(key),
            pk_token,
            access_token: send.then_some(access_token),
            renewal: match refresh_token {
                Some(_) => Renewal::Unknown,
                None => Renewal::NeedsPerson,
            },
        };
        let subject = parts.pk_token.unverified_claims().sub().to_owned();
        let kept = self
            .hand_over(parts, refresh_token.clone(), request.account)
            .await;
        match kept {
            Ok((status, who)) => {
                if let Some(browser) = browser {
                    drop(browser.say_logged_in(&who));
                }
                Ok(status)
            }
            Err(error) => {
                let hint = error.hint();
                if let Some(browser) = browser {
                    drop(browser.say_failed(&error.to_string(), hint.as_deref()));
                }
                // Nobody will ever use it. But where an account of this person is there, both
                // tokens may belong to one grant, and the end of one would be the other's. (So the
                // token of an account that a login replaces is left alone, too.)
                let is_alone =
                    !shares_grant(&self.owner.now().facts, &provider.issuer, Some(&subject));
                if let Some(refresh_token) = refresh_token.filter(|_| is_alone) {
                    let _ =
                        provider::revoke(&self.http, &documents, &provider, &refresh_token).await;
                }
                Err(error)
            }
        }
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
        self.owner.wait_for(PATIENCE, settled).await;
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
