//! The login in a browser on this machine: authorization code with PKCE and a loopback redirect
//! (RFC 8252).

use opkssh_protocol::config::Provider;
use opkssh_protocol::control::{Event, LoginRequest};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::authorization_response::code;
use super::awaited::Awaited;
use super::begun::{LoggedIn, begin};
use super::chooser::Chooser;
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
    let (provider, mut browser) = chosen.map_err(|error| LoginFailure { error, hint: None })?;
    match at_provider(
        http,
        provider,
        &mut browser,
        request,
        awaited,
        events,
        context,
    )
    .await
    {
        Ok(logged_in) => Ok(LoggedIn {
            browser,
            ..logged_in
        }),
        Err(error) => {
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

/// Returns the provider, and the browser in which the person has chosen it.
async fn choose<'a>(
    providers: &'a [Provider],
    events: &mpsc::Sender<Event>,
) -> Result<(&'a Provider, Option<Browser>), LoginError> {
    match providers {
        [] => Err(LoginError::NoProvider),
        [one] => Ok((one, None)),
        several => {
            let chooser = Chooser::open().await?;
            open(events, &chooser.url).await?;
            waiting(events, "Waiting for a choice of provider in the browser").await?;
            let choice = tokio::time::timeout(PATIENCE, chooser.choice(several)).await;
            let (provider, browser) = choice.map_err(|_| LoginError::NobodyCame)??;
            Ok((provider, Some(browser)))
        }
    }
}

/// Logs in at `provider`. `browser` is the one that waits for a page now, if any.
async fn at_provider(
    http: &Http,
    provider: &Provider,
    browser: &mut Option<Browser>,
    request: &LoginRequest,
    awaited: &Awaited,
    events: &mpsc::Sender<Event>,
    context: Context<'_>,
) -> Result<LoggedIn, LoginError> {
    let asking = &request.asking;
    let begun = begin(http, provider, request.key_type, events).await?;
    let remote = provider.remote_redirect_uri.as_deref();
    let loopback = Loopback::bind(&provider.redirect_uris, remote).await?;
    let redirect_uri = loopback.redirect_uri.clone();
    // where the browser may end: at the address that the provider was sent, or at ours behind it
    let redirect_uris = remote.into_iter().chain([redirect_uri.as_str()]);
    let redirect_uris: Vec<_> = redirect_uris.map(str::to_owned).collect();
    // each has a state and a PKCE verifier of its own
    let authorize = |prompt: &str| {
        provider::authorization(
            &begun.documents,
            provider,
            &redirect_uri,
            &begun.commitment(),
            prompt,
            asking.login_hint.as_deref(),
        )
    };
    let open_prompt = asking.prompt.as_deref().unwrap_or(&provider.prompt);
    // a silent attempt that needs the person is followed by an open one, unless it is to be the only
    let mut is_last = asking.silent_only || !asking.silent_first;
    let mut authorization = authorize(match asking.silent_only || asking.silent_first {
        true => "none",
        false => open_prompt,
    })?;
    let (sender, mut visits) = mpsc::channel(4);
    let expect = |authorization: &Authorization| {
        awaited.expect(&authorization.state, redirect_uris.clone(), sender.clone())
    };
    let mut expected = expect(&authorization);
    match browser.take() {
        None => open(events, &authorization.url).await?,
        Some(browser) => browser.redirect(&authorization.url),
    }
    waiting(events, "Waiting for the login in the browser").await?;
    let server = loopback.serve(sender.clone());
    let deadline = Instant::now() + PATIENCE;
    let code = loop {
        let visit = answer(&mut visits, &authorization, deadline).await?;
        let code = code(&visit, provider, &begun.documents);
        let needs_person = matches!(&code, Err(LoginError::Oidc(error)) if error.needs_person());
        if is_last || !needs_person {
            *browser = Some(Browser { visit, server });
            break code;
        }
        is_last = true;
        authorization = authorize(open_prompt)?;
        expected = expect(&authorization);
        // the same window goes on to the provider's login page
        if visit.is_of_a_browser() {
            visit.answer(Page::redirect(&authorization.url));
        } else {
            open(events, &authorization.url).await?;
        }
    };
    drop(expected);
    failpoint::reached("login: code arrived");
    let code = code.map_err(|error| match error {
        LoginError::Oidc(error) if error.needs_person() => LoginError::NeedsPerson(error),
        error => error,
    })?;
    let tokens =
        provider::exchange_code(http, &begun.documents, provider, authorization, code).await;
    failpoint::reached("login: tokens arrived");
    begun.finish(http, provider, tokens?, context).await
}

/// Has the client open a browser window.
async fn open(events: &mpsc::Sender<Event>, url: &str) -> Result<(), LoginError> {
    let url = url.to_owned();
    tell(events, Event::OpenBrowser { url, opened: false }).await
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
