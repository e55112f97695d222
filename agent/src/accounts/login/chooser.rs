//! Choosing one of several providers on a page in the browser.

use opkssh_protocol::base64url;
use opkssh_protocol::config::Provider;
use tokio::sync::mpsc;

use super::error::{BROWSER_TIMEOUT, LoginError, random};
use super::loopback::{Server, Visit};
use super::pages::Page;

/// The page with the choice.
pub struct Chooser {
    pub server: Server,
    /// Path of the page, with a secret that only the address holds.
    path: String,
    visits: mpsc::Receiver<Visit>,
}

impl Chooser {
    /// Opens the page on a free port.
    pub async fn open() -> Result<Self, LoginError> {
        let path = format!("/chooser/{}", base64url::encode(random::<16>()?));
        let (sender, visits) = mpsc::channel(4);
        Ok(Self {
            server: Server::on_any_port(path.clone(), &sender).await?,
            path,
            visits,
        })
    }

    /// Waits for a click. Returns the provider, and the browser, in which the login goes on. Other
    /// pages cannot make the choice: they do not know the path.
    pub async fn choice(
        mut self,
        providers: &[Provider],
    ) -> Result<(&Provider, Visit), LoginError> {
        while let Some(visit) = self.visits.recv().await {
            if visit.target.path() != format!("{}/select", self.path) {
                drop(visit.answer(Page::chooser(providers, &self.path)));
                continue;
            }
            let index = visit.parameter("op").and_then(|op| op.parse().ok());
            if let Some(provider) = index.and_then(|index: usize| providers.get(index)) {
                return Ok((provider, visit));
            }
            let message = "That is not one of the providers on the page.";
            drop(visit.answer(Page::failed(message, None)));
        }
        Err(LoginError::NobodyCame(BROWSER_TIMEOUT))
    }
}
