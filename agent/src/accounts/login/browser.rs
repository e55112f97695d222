//! The login in a browser on this machine: authorization code with PKCE and a loopback redirect
//! (RFC 8252).

use opkssh_protocol::config::Provider;
use opkssh_protocol::control::{Asking, Event, LoginRequest};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::authorization_response::code;
use super::awaited::Awaited;
use super::begun::{Begun, LoggedIn, begin};
use super::chooser::{Choice, Chooser};
use super::context::Context;
use super::error::{LoginError, LoginFailure, PATIENCE};
use super::hint::hint;
use super::last_page::Browser;
use super::loopback::{Loopback, Page, Visit};
use super::pages;
use super::progress::{tell, waiting};
use crate::accounts::provider::{self, Authorization, Http};
use crate::failpoint;

/// Logs in at one of the request's providers, which the person chooses on a page where there are
/// several.
pub(super) async fn log_in(
    http: &Http,
    request: &LoginRequest,
    awaited: &Awaited,
    events: &mpsc::Sender<Event>,
    context: Context<'_>,
) -> Result<LoggedIn, LoginFailure> {
    let chosen = choose(&request.providers, events).await;
    let (provider, chosen) = chosen.map_err(|error| LoginFailure { error, hint: None })?;
    let logged_in = at_provider(http, provider, chosen, request, awaited, events, context).await;
    match logged_in {
        Ok(logged_in) => Ok(logged_in),
        Err((error, browser)) => {
            let hint = hint(&error, provider, request);
            if let Some(browser) = browser {
                browser
                    .say_failed(&error.to_string(), hint.as_deref())
                    .await;
            }
            Err(LoginFailure { error, hint })
        }
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
                    opened: false,
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
    request: &LoginRequest,
    awaited: &Awaited,
    events: &mpsc::Sender<Event>,
    context: Context<'_>,
) -> Result<LoggedIn, (LoginError, Option<Browser>)> {
    let mut asked = first_question(&request.asking);
    let prepared = prepare(http, provider, request, asked, events).await;
    let (sender, mut visits) = mpsc::channel(4);
    let mut expected = prepared.as_ref().ok().map(|(_, loopback, authorization)| {
        let uris = redirect_uris(loopback, provider);
        awaited.expect(&authorization.state, uris, sender.clone())
    });
    let (begun, loopback, mut authorization) = match (prepared, chosen) {
        (Ok(prepared), None) => {
            let url = prepared.2.url.clone();
            let open = Event::OpenBrowser { url, opened: false };
            tell(events, open).await.map_err(no_browser)?;
            prepared
        }
        (Ok(prepared), Some(choice)) => {
            choice.go_on(&prepared.2.url);
            prepared
        }
        (Err(error), None) => return Err((error, None)),
        (Err(error), Some(choice)) => {
            let hint = hint(&error, provider, request);
            choice.fail(&error.to_string(), hint.as_deref());
            return Err((error, None));
        }
    };
    waiting(events, "Waiting for the login in the browser")
        .await
        .map_err(no_browser)?;
    let redirect_uri = loopback.redirect_uri.clone();
    let redirect_uris = redirect_uris(&loopback, provider);
    let server = loopback.serve_to(sender.clone());
    let deadline = Instant::now() + PATIENCE;
    let (visit, code) = loop {
        let visit = answer(&mut visits, &authorization, deadline)
            .await
            .map_err(no_browser)?;
        let code = code(&visit, provider, &begun.documents);
        match &code {
            Err(LoginError::Oidc(error)) if error.needs_person() && asked == Question::Silent => {
                // the same window goes on to the provider's login page
                asked = Question::Open;
                let prompt = asked.prompt(&request.asking, provider);
                let next = authorize(&begun, provider, &redirect_uri, prompt, request);
                authorization = match next {
                    Ok(next) => next,
                    Err(error) => return Err((error, Some(Browser::new(visit, server)))),
                };
                expected.replace(awaited.expect(
                    &authorization.state,
                    redirect_uris.clone(),
                    sender.clone(),
                ));
                let url = authorization.url.clone();
                if visit.is_of_a_browser() {
                    visit.answer(Page::redirect(&url));
                } else {
                    let again = Event::OpenBrowser { url, opened: false };
                    tell(events, again).await.map_err(no_browser)?;
                }
            }
            _ => break (visit, code),
        }
    };
    drop(expected);
    failpoint::reached("login: code arrived");
    let browser = Browser::new(visit, server);
    let exchanged = match code {
        Ok(code) => {
            provider::exchange_code(http, &begun.documents, provider, authorization, code).await
        }
        Err(LoginError::Oidc(error)) if error.needs_person() => {
            return Err((LoginError::NeedsPerson(error), Some(browser)));
        }
        Err(error) => return Err((error, Some(browser))),
    };
    failpoint::reached("login: tokens arrived");
    let tokens = match exchanged {
        Ok(tokens) => tokens,
        Err(error) => return Err((error.into(), Some(browser))),
    };
    match begun.bound(http, provider, &tokens, context).await {
        Ok(pk_token) => Ok(begun.done(provider, pk_token, tokens, Some(browser))),
        Err(error) => Err((error, Some(browser))),
    }
}

/// How the provider is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    /// Without showing anything, and if it cannot, openly.
    Silent,
    /// Without showing anything, and that is all.
    SilentOnly,
    Open,
}

impl Question {
    fn prompt<'a>(self, asking: &'a Asking, provider: &'a Provider) -> &'a str {
        match self {
            Self::Silent | Self::SilentOnly => "none",
            Self::Open => asking.prompt.as_deref().unwrap_or(&provider.prompt),
        }
    }
}

fn first_question(asking: &Asking) -> Question {
    match (asking.silent_only, asking.silent_first) {
        (true, _) => Question::SilentOnly,
        (false, true) => Question::Silent,
        (false, false) => Question::Open,
    }
}

async fn prepare(
    http: &Http,
    provider: &Provider,
    request: &LoginRequest,
    asked: Question,
    events: &mpsc::Sender<Event>,
) -> Result<(Begun, Loopback, Authorization), LoginError> {
    let begun = begin(http, provider, request.key_type, events).await?;
    let remote = provider.remote_redirect_uri.as_deref();
    let loopback = Loopback::bind(&provider.redirect_uris, remote).await?;
    let prompt = asked.prompt(&request.asking, provider);
    let authorization = authorize(&begun, provider, &loopback.redirect_uri, prompt, request)?;
    Ok((begun, loopback, authorization))
}

/// Returns where a browser may end: at the address that the provider was sent, or at ours behind it.
fn redirect_uris(loopback: &Loopback, provider: &Provider) -> Vec<String> {
    let remote = provider.remote_redirect_uri.iter().cloned();
    remote.chain([loopback.redirect_uri.clone()]).collect()
}

/// An authorization request with a state and a PKCE verifier of its own.
fn authorize(
    begun: &Begun,
    provider: &Provider,
    redirect_uri: &str,
    prompt: &str,
    request: &LoginRequest,
) -> Result<Authorization, LoginError> {
    Ok(provider::authorization(
        &begun.documents,
        provider,
        redirect_uri,
        &begun.commitment(),
        prompt,
        request.asking.login_hint.as_deref(),
    )?)
}

/// Waits for the answer to this authorization request. A visit that does not know its state, such
/// as a hostile page's, is sent away, and the login goes on.
async fn answer(
    visits: &mut mpsc::Receiver<Visit>,
    authorization: &Authorization,
    deadline: Instant,
) -> Result<Visit, LoginError> {
    loop {
        let visit = tokio::time::timeout_at(deadline, visits.recv())
            .await
            .map_err(|_| LoginError::NobodyCame)?
            .ok_or(LoginError::Cancelled)?;
        if visit.parameter("state").as_deref() == Some(&authorization.state) {
            return Ok(visit);
        }
        // whoever finds the port can do this as often as they like
        tracing::debug!("somebody came to the login's address with a wrong state");
        visit.answer(Page::failure(pages::not_the_answer()));
    }
}

fn no_browser(error: LoginError) -> (LoginError, Option<Browser>) {
    (error, None)
}
