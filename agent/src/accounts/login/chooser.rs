//! Choosing one of several providers on a page in the browser.

use opkssh_protocol::base64url;
use opkssh_protocol::config::Provider;
use tokio::sync::mpsc;

use super::error::LoginError;
use super::last_page::Browser;
use super::loopback::{Loopback, Page, Server, Visit};
use super::pages;

/// The page with the choice.
pub struct Chooser {
    pub url: String,
    /// Path of the page, with a secret that only the address holds.
    path: String,
    server: Server,
    visits: mpsc::Receiver<Visit>,
}

impl Chooser {
    /// Opens the page on a free port.
    pub async fn open() -> Result<Self, LoginError> {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).map_err(|_| LoginError::Random)?;
        let path = format!("/chooser/{}", base64url::encode(secret));
        let loopback = Loopback::bind_any(&path).await?;
        let url = loopback.redirect_uri.clone();
        let (sender, visits) = mpsc::channel(4);
        Ok(Self {
            url,
            path,
            server: loopback.serve(sender),
            visits,
        })
    }

    /// Waits for a click. Returns the provider, and the browser, in which the login goes on. Other
    /// pages cannot make the choice: they do not know the path.
    pub async fn choice(
        mut self,
        providers: &[Provider],
    ) -> Result<(&Provider, Browser), LoginError> {
        while let Some(visit) = self.visits.recv().await {
            if visit.target.path() != format!("{}/select", self.path) {
                visit.answer(Page::html(pages::chooser(providers, &self.path)));
                continue;
            }
            let index = visit
                .parameter("op")
                .and_then(|op| op.parse::<usize>().ok());
            if let Some(provider) = index.and_then(|index| providers.get(index)) {
                let server = self.server;
                return Ok((provider, Browser { visit, server }));
            }
            let message = "That is not one of the providers on the page.";
            visit.answer(Page::failure(pages::failed(message, None)));
        }
        Err(LoginError::Cancelled)
    }
}
