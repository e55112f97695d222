//! Where a login happens: a new user key, the browser, the provider's tokens, a verified PK token.

use std::time::Duration;

use opkssh_protocol::cic::{CicError, ClientInstanceClaims};
use opkssh_protocol::config::Provider;
use opkssh_protocol::control::{Event, KeyType, LoginRequest};
use opkssh_protocol::id_token::{IdTokenError, UnverifiedIdToken};
use opkssh_protocol::pk_token::{
    self, ExpirationPolicy, PkTokenError, TrustedProvider, UnverifiedPkToken,
};
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::user_key::UserKey;
use tokio::sync::mpsc;

use super::chooser::{Choice, Chooser};
use super::loopback::{Loopback, LoopbackError, Page, Server, Visit};
use super::mint::bind;
use super::oidc::{self, Authorization, Http, OidcError, ProviderDocuments, Tokens};
use super::pages;

/// How long we wait for a person in the browser.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error(transparent)]
    Oidc(#[from] OidcError),
    #[error(transparent)]
    Loopback(#[from] LoopbackError),
    #[error("the login page answered with a wrong state: it was not the answer to this login")]
    State,
    #[error("the login page came back without a code")]
    NoCode,
    #[error("nobody finished the login in the browser within {} minutes", PATIENCE.as_secs() / 60)]
    NobodyCame,
    #[error("the login was cancelled")]
    Cancelled,
    #[error(transparent)]
    IdToken(#[from] IdTokenError),
    #[error(transparent)]
    PkToken(#[from] PkTokenError),
    #[error("ID token: authorized party {0:?} is not our client")]
    AuthorizedParty(String),
    #[error("no provider to log in at")]
    NoProvider,
    #[error(transparent)]
    Cic(#[from] CicError),
    #[error("no randomness")]
    Random,
}

/// What a login leaves behind, verified.
pub struct LoggedIn {
    pub provider: Provider,
    pub key: UserKey,
    pub pk_token: UnverifiedPkToken,
    pub access_token: Secret,
    pub refresh_token: Option<Secret>,
    /// The provider's documents, fresh from the network.
    pub documents: ProviderDocuments,
    /// The browser waits for a last word.
    pub browser: Browser,
}

/// The browser window at the end of the login, still waiting for its page.
pub struct Browser {
    visit: Visit,
    server: Server,
}

impl Browser {
    /// Shows the last page. The future ends when it has left; it need not be awaited where the
    /// runtime lives on.
    pub fn say_logged_in(self, who: &str) -> impl Future<Output = ()> + use<> {
        self.say(Page::html(pages::logged_in(who)))
    }

    pub fn say_failed(self, message: &str, hint: Option<&str>) -> impl Future<Output = ()> + use<> {
        self.say(Page::failure(pages::failed(message, hint)))
    }

    fn say(self, page: Page) -> impl Future<Output = ()> + use<> {
        self.visit.answer(page);
        self.server.finish()
    }
}

/// A login that failed, and what the person can do about it.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct LoginFailure {
    pub error: LoginError,
    pub hint: Option<String>,
}

/// Logs in at one of the request's providers. `events` are told what to show; dropping the future
/// cancels the login and closes its port.
pub async fn log_in(
    http: &Http,
    request: &LoginRequest,
    events: &mpsc::Sender<Event>,
    now: impl Fn() -> UnixTime,
) -> Result<LoggedIn, LoginFailure> {
    let chosen = choose(&request.providers, events).await;
    let (provider, chosen) = chosen.map_err(|error| LoginFailure { error, hint: None })?;
    let logged_in = at_provider(http, provider, chosen, request.key_type, events, now).await;
    match logged_in {
        Ok(logged_in) => Ok(logged_in),
        Err((error, browser)) => {
            let hint = hint(&error, provider);
            if let Some(browser) = browser {
                browser
                    .say_failed(&error.to_string(), hint.as_deref())
                    .await;
            }
            Err(LoginFailure { error, hint })
        }
    }
}

/// What the person can do about a failed login.
fn hint(error: &LoginError, provider: &Provider) -> Option<String> {
    match error {
        LoginError::Oidc(error) => oidc::explain(error, provider),
        LoginError::Loopback(LoopbackError::AllBusy(_)) => {
            Some("end the other login, or free one of these ports".to_owned())
        }
        LoginError::PkToken(PkTokenError::NoCommitment(_) | PkTokenError::Commitment { .. }) => {
            Some(
                "the provider must return the nonce it was sent; this one cannot be used"
                    .to_owned(),
            )
        }
        LoginError::PkToken(PkTokenError::IdToken(IdTokenError::FromTheFuture { .. })) => {
            Some("set the clock of this machine".to_owned())
        }
        LoginError::State | LoginError::NoCode | LoginError::NobodyCame => {
            Some(format!("log in again: opkssh login {}", provider.name()))
        }
        _ => None,
    }
}

async fn choose<'a>(
    providers: &'a [Provider],
    events: &mpsc::Sender<Event>,
) -> Result<(&'a Provider, Option<Choice>), LoginError> {
    match providers {
        [] => Err(LoginError::NoProvider),
        [one] => Ok((one, None)),
        several => {
            let chooser = Chooser::open().await?;
            tell(
                events,
                Event::OpenBrowser {
                    url: chooser.url.clone(),
                },
            )
            .await?;
            waiting(events, "Waiting for a choice of provider in the browser").await?;
            let choice = tokio::time::timeout(PATIENCE, chooser.choice(several))
                .await
                .map_err(|_| LoginError::NobodyCame)??;
            Ok((&several[choice.index], Some(choice)))
        }
    }
}

async fn at_provider(
    http: &Http,
    provider: &Provider,
    chosen: Option<Choice>,
    key_type: KeyType,
    events: &mpsc::Sender<Event>,
    now: impl Fn() -> UnixTime,
) -> Result<LoggedIn, (LoginError, Option<Browser>)> {
    let prepared = prepare(http, provider, key_type, events).await;
    let (key, cic, documents, loopback, authorization) = match (prepared, chosen) {
        (Ok(prepared), None) => {
            let url = prepared.4.url.clone();
            tell(events, Event::OpenBrowser { url })
                .await
                .map_err(no_browser)?;
            prepared
        }
        (Ok(prepared), Some(choice)) => {
            choice.go_on(&prepared.4.url);
            prepared
        }
        (Err(error), None) => return Err((error, None)),
        (Err(error), Some(choice)) => {
            choice.fail(&error.to_string(), hint(&error, provider).as_deref());
            return Err((error, None));
        }
    };
    waiting(events, "Waiting for the login in the browser")
        .await
        .map_err(no_browser)?;
    let (server, mut visits) = loopback.serve();
    let visit = tokio::time::timeout(PATIENCE, visits.recv())
        .await
        .map_err(|_| no_browser(LoginError::NobodyCame))?
        .ok_or_else(|| no_browser(LoginError::Cancelled))?;
    let code = code(&visit, &authorization);
    let browser = Browser { visit, server };
    let code = match code {
        Ok(code) => code,
        Err(error) => return Err((error, Some(browser))),
    };
    match finish(
        http,
        provider,
        &key,
        &cic,
        &documents,
        authorization,
        code,
        now(),
    )
    .await
    {
        Ok((pk_token, tokens)) => Ok(LoggedIn {
            provider: provider.clone(),
            key,
            pk_token,
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            documents,
            browser,
        }),
        Err(error) => Err((error, Some(browser))),
    }
}

type Prepared = (
    UserKey,
    ClientInstanceClaims,
    ProviderDocuments,
    Loopback,
    Authorization,
);

async fn prepare(
    http: &Http,
    provider: &Provider,
    key_type: KeyType,
    events: &mpsc::Sender<Event>,
) -> Result<Prepared, LoginError> {
    waiting(events, "Asking the provider for its endpoints").await?;
    let documents = oidc::discover(http, &provider.issuer).await?;
    let key = UserKey::generate(key_type).map_err(|_| LoginError::Random)?;
    let mut randomness = [0; 32];
    getrandom::fill(&mut randomness).map_err(|_| LoginError::Random)?;
    let cic = ClientInstanceClaims::new(&key.public_key(), key.algorithm(), randomness)?;
    let loopback = Loopback::bind(&provider.redirect_uris).await?;
    let authorization = oidc::authorization(
        &documents,
        provider,
        &loopback.redirect_uri,
        &cic.commitment(),
    )?;
    Ok((key, cic, documents, loopback, authorization))
}

/// Reads the authorization response (RFC 6749 section 4.1.2).
fn code(visit: &Visit, authorization: &Authorization) -> Result<String, LoginError> {
    if visit.parameter("state").as_deref() != Some(&authorization.state) {
        return Err(LoginError::State);
    }
    if let Some(error) = visit.parameter("error") {
        let description = visit.parameter("error_description");
        return Err(OidcError::Refused { error, description }.into());
    }
    visit.parameter("code").ok_or(LoginError::NoCode)
}

#[allow(clippy::too_many_arguments)] // each is one step's result
async fn finish(
    http: &Http,
    provider: &Provider,
    key: &UserKey,
    cic: &ClientInstanceClaims,
    documents: &ProviderDocuments,
    authorization: Authorization,
    code: String,
    now: UnixTime,
) -> Result<(UnverifiedPkToken, Tokens), LoginError> {
    let tokens = oidc::exchange_code(http, documents, provider, authorization, code).await?;
    let id_token = tokens.id_token.as_deref().ok_or(OidcError::NoIdToken)?;
    let pk_token = bind(key, cic, UnverifiedIdToken::parse(id_token)?);
    check(&pk_token, provider, documents, now)?;
    Ok((pk_token, tokens))
}

/// Verifies a fresh PK token as a server would, and as a relying party must (OpenID Connect Core
/// section 3.1.3.7): not expired, and meant for us.
pub fn check(
    pk_token: &UnverifiedPkToken,
    provider: &Provider,
    documents: &ProviderDocuments,
    now: UnixTime,
) -> Result<(), LoginError> {
    let trusted = TrustedProvider {
        issuer: provider.issuer.clone(),
        client_ids: vec![provider.client_id.clone()],
        expiration: ExpirationPolicy::Oidc,
    };
    let verified = pk_token::verify(pk_token.clone(), &trusted, &documents.keys, now)?;
    let authorized_party = verified.claims().get("azp").and_then(|azp| azp.as_str());
    match authorized_party {
        Some(azp) if azp != provider.client_id => Err(LoginError::AuthorizedParty(azp.to_owned())),
        _ => Ok(()),
    }
}

fn no_browser(error: LoginError) -> (LoginError, Option<Browser>) {
    (error, None)
}

async fn waiting(events: &mpsc::Sender<Event>, what: &str) -> Result<(), LoginError> {
    tell(
        events,
        Event::Waiting {
            what: what.to_owned(),
        },
    )
    .await
}

/// Nobody listens any more: the client went away.
async fn tell(events: &mpsc::Sender<Event>, event: Event) -> Result<(), LoginError> {
    events.send(event).await.map_err(|_| LoginError::Cancelled)
}
