//! The login in a browser on this machine: authorization code with PKCE and a loopback redirect
//! (RFC 8252).

use opkssh_protocol::config::Provider;
use opkssh_protocol::control::{Event, KeyType, LoginRequest};
use opkssh_protocol::time::UnixTime;
use tokio::sync::mpsc;

use super::chooser::{Choice, Chooser};
use super::login::{
    Begun, LoggedIn, LoginError, LoginFailure, PATIENCE, begin, hint, tell, waiting,
};
use super::loopback::{Loopback, Page, Server, Visit};
use super::oidc::{self, Authorization, Http, OidcError};
use super::pages;
use crate::failpoint;

/// Logs in at one of the request's providers, which the person chooses on a page where there are
/// several.
pub(super) async fn log_in(
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
    let (begun, loopback, authorization) = match (prepared, chosen) {
        (Ok(prepared), None) => {
            let url = prepared.2.url.clone();
            tell(events, Event::OpenBrowser { url })
                .await
                .map_err(no_browser)?;
            prepared
        }
        (Ok(prepared), Some(choice)) => {
            choice.go_on(&prepared.2.url);
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
    failpoint::reached("login: code arrived");
    let browser = Browser { visit, server };
    let exchanged = match code {
        Ok(code) => {
            oidc::exchange_code(http, &begun.documents, provider, authorization, code).await
        }
        Err(error) => return Err((error, Some(browser))),
    };
    failpoint::reached("login: tokens arrived");
    let bound = exchanged.map_err(LoginError::from).and_then(|tokens| {
        let pk_token = begun.bound(provider, &tokens, now())?;
        Ok((pk_token, tokens))
    });
    match bound {
        Ok((pk_token, tokens)) => Ok(begun.done(provider, pk_token, tokens, Some(browser))),
        Err(error) => Err((error, Some(browser))),
    }
}

async fn prepare(
    http: &Http,
    provider: &Provider,
    key_type: KeyType,
    events: &mpsc::Sender<Event>,
) -> Result<(Begun, Loopback, Authorization), LoginError> {
    let begun = begin(http, provider, key_type, events).await?;
    let loopback = Loopback::bind(&provider.redirect_uris).await?;
    let authorization = oidc::authorization(
        &begun.documents,
        provider,
        &loopback.redirect_uri,
        &begun.commitment(),
    )?;
    Ok((begun, loopback, authorization))
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

fn no_browser(error: LoginError) -> (LoginError, Option<Browser>) {
    (error, None)
}
