//! The login in a browser on this machine: authorization code with PKCE and a loopback redirect
//! (RFC 8252).

use opkssh_protocol::config::Provider;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::LoginAttempt;
use super::authorization_response::code;
use super::begun::{Begun, LoggedIn};
use super::chooser::Chooser;
use super::error::{BROWSER_TIMEOUT, LoginError};
use super::loopback::{Server, Visit};
use super::pages::Page;
use crate::failpoint;

impl LoginAttempt<'_> {
    /// Has the person choose one of several providers on a page. Returns it, and the browser.
    pub(super) async fn choose_in_browser<'p>(
        &self,
        providers: &'p [Provider],
    ) -> Result<(&'p Provider, Option<Visit>), LoginError> {
        let chooser = Chooser::open().await?;
        self.open(&chooser.server.redirect_uri);
        self.waiting("Waiting for a choice of provider in the browser");
        let choice = tokio::time::timeout(BROWSER_TIMEOUT, chooser.choice(providers)).await;
        let (provider, browser) = choice.map_err(|_| LoginError::NobodyCame(BROWSER_TIMEOUT))??;
        Ok((provider, Some(browser)))
    }

    /// Logs in at `provider`. `browser` is the one that waits for a page now, if any.
    pub(super) async fn in_browser(
        &self,
        provider: &Provider,
        browser: &mut Option<Visit>,
    ) -> Result<LoggedIn, LoginError> {
        let asking = &self.request.asking;
        let begun = Begun::begin(self, provider).await?;
        let commitment = begun.cic.commitment();
        let remote = provider.remote_redirect_uri.as_deref();
        let (sender, mut visits) = mpsc::channel(4);
        let server = Server::on_first_free(&provider.redirect_uris, remote, &sender).await?;
        let redirect_uri = &server.redirect_uri;
        // where the browser may end: at the address that the provider was sent, or at ours behind it
        let redirect_uris = remote.into_iter().chain([&**redirect_uri]);
        let redirect_uris: Vec<_> = redirect_uris.map(str::to_owned).collect();
        let deadline = Instant::now() + BROWSER_TIMEOUT;

        let open_prompt = asking.prompt.as_deref().unwrap_or(&provider.prompt);
        // a silent attempt that needs the person is followed by an open one, unless it is to be the only
        let (mut prompt, mut next) = match (asking.silent_only, asking.silent_first) {
            (true, _) => ("none", None),
            (false, true) => ("none", Some(open_prompt)),
            (false, false) => (open_prompt, None),
        };
        let (authorization, code) = loop {
            let login_hint = asking.login_hint.as_deref();
            // each attempt has a state and a PKCE verifier of its own
            let client = &begun.client;
            let authorization =
                client.authorization(redirect_uri, &commitment, prompt, login_hint)?;
            let state = &authorization.state;
            let _expected = self
                .awaited
                .expect(state, redirect_uris.clone(), sender.clone());
            match browser.take() {
                // the same window goes on to the provider's page
                Some(visit) if visit.is_of_a_browser() => {
                    drop(visit.answer(Page::redirect(&authorization.url)));
                }
                _ => self.open(&authorization.url),
            }
            self.waiting("Waiting for the login in the browser");
            let visit = timeout_at(deadline, answer(&mut visits, state)).await;
            let visit = visit.map_err(|_| LoginError::NobodyCame(BROWSER_TIMEOUT))??;
            let code = code(&visit, client);
            *browser = Some(visit);
            match (&code, next.take()) {
                (Err(LoginError::NeedsPerson(_)), Some(open)) => prompt = open,
                _ => break (authorization, code?),
            }
        };
        failpoint::reached("login: code arrived");
        let tokens = begun.client.exchange_code(&authorization, &code).await;
        failpoint::reached("login: tokens arrived");
        begun.finish(self, tokens?).await
    }
}

/// Waits for the answer with this state. A visit that does not know it, such as a hostile page's, is
/// sent away, and the login goes on.
async fn answer(visits: &mut mpsc::Receiver<Visit>, state: &str) -> Result<Visit, LoginError> {
    loop {
        let visit = visits
            .recv()
            .await
            .ok_or(LoginError::NobodyCame(BROWSER_TIMEOUT))?;
        if visit.parameter("state").as_deref() == Some(state) {
            return Ok(visit);
        }
        // whoever finds the port can do this as often as they like
        tracing::debug!("somebody came to the login's address with a wrong state");
        drop(visit.answer(Page::not_the_answer()));
    }
}
