//! Choosing one of several providers on a page in the browser.

use opkssh_protocol::base64url;
use opkssh_protocol::config::Provider;
use tokio::sync::mpsc;

use super::login::LoginError;
use super::loopback::{Loopback, Page, Server, Visit};
use super::pages;

/// The page, and the choice once it was made: the browser still waits for an answer, which is
/// where the login goes on.
pub struct Chooser {
    pub url: String,
    token: String,
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
        let mut token = [0; 16];
        getrandom::fill(&mut token).map_err(|_| LoginError::Random)?;
        let loopback = Loopback::bind_any("/chooser").await?;
        let url = loopback.redirect_uri.clone();
        let (server, visits) = loopback.serve();
        Ok(Self {
            url,
            token: base64url::encode(token),
            server,
            visits,
        })
    }

    /// Waits for a click. Other pages cannot make the choice: they do not know the token.
    pub async fn choice(mut self, providers: &[Provider]) -> Result<Choice, LoginError> {
        while let Some(visit) = self.visits.recv().await {
            if visit.target.path() != "/chooser/select" {
                visit.answer(Page::html(pages::chooser(providers, &self.token)));
                continue;
            }
            let index = visit
                .parameter("op")
                .and_then(|op| op.parse::<usize>().ok());
            match index.filter(|index| *index < providers.len()) {
                Some(index) if visit.parameter("token").as_deref() == Some(&self.token) => {
                    return Ok(Choice {
                        index,
                        visit,
                        server: self.server,
                    });
                }
                _ => visit.answer(Page::failure(pages::failed(
                    "That is not one of the providers on the page.",
                    None,
                ))),
            }
        }
        Err(LoginError::Cancelled)
    }
}
