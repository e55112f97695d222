//! Choosing one of several providers on a page in the browser.

use opkssh_protocol::base64url;
use opkssh_protocol::config::Provider;
use tokio::sync::mpsc;

use super::error::LoginError;
use super::loopback::{Loopback, Page, Server, Visit};
use super::pages;

/// The page, and the choice once it was made: the browser still waits for an answer, which is
/// where the login goes on.
pub struct Chooser {
    pub url: String,
    /// Path of the page, with a secret that only the address holds.
    path: String,
    server: Server,
    visits: mpsc::Receiver<Visit>,
}

pub struct Choice {
    pub index: usize,
    visit: Visit,
    server: Server,
}

impl Choice {
    /// Sends the browser to the provider.
    pub fn go_on(self, url: &str) {
        self.visit.answer(Page::redirect(url));
        drop(self.server.finish());
    }

    pub fn fail(self, message: &str, hint: Option<&str>) {
        self.visit
            .answer(Page::failure(pages::failed(message, hint)));
        drop(self.server.finish());
    }
}

impl Chooser {
    pub async fn open() -> Result<Self, LoginError> {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).map_err(|_| LoginError::Random)?;
        let path = format!("/chooser/{}", base64url::encode(secret));
        let loopback = Loopback::bind_any(&path).await?;
        let url = loopback.redirect_uri.clone();
        let (server, visits) = loopback.serve();
        Ok(Self {
            url,
            path,
            server,
            visits,
        })
    }

    /// Waits for a click. Other pages cannot make the choice: they do not know the path.
    pub async fn choice(mut self, providers: &[Provider]) -> Result<Choice, LoginError> {
        while let Some(visit) = self.visits.recv().await {
            if visit.target.path() != format!("{}/select", self.path) {
                visit.answer(Page::html(pages::chooser(providers, &self.path)));
                continue;
            }
            let index = visit
                .parameter("op")
                .and_then(|op| op.parse::<usize>().ok());
            match index.filter(|index| *index < providers.len()) {
                Some(index) => {
                    return Ok(Choice {
                        index,
                        visit,
                        server: self.server,
                    });
                }
                None => visit.answer(Page::failure(pages::failed(
                    "That is not one of the providers on the page.",
                    None,
                ))),
            }
        }
        Err(LoginError::Cancelled)
    }
}
