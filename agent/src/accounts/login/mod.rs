//! Where a login happens: a new user key, a person at the provider, the provider's tokens, a
//! verified PK token.

mod authorization_response;
pub mod awaited;
mod begun;
mod browser;
mod checked_token;
mod chooser;
mod device;
mod error;
mod hint;
mod local_redirect;
mod loopback;
mod pages;
pub mod shared_login;

use std::sync::Arc;
use std::time::Duration;

use opkssh_protocol::config::Provider;
use opkssh_protocol::control::{Event, Failure, Flow, LoginRequest};

use super::clock::Clock;
use awaited::Awaited;
use loopback::Visit;

use crate::desktop::surroundings::Surroundings;

pub use begun::LoggedIn;
pub use checked_token::CheckedPkToken;
pub use error::LoginError;
pub use hint::typed;
pub use pages::Page;

/// A login, and what it needs.
pub struct LoginAttempt<'a> {
    pub surroundings: &'a Arc<Surroundings>,
    pub request: &'a LoginRequest,
    /// Where an answer can be brought.
    pub awaited: &'a Awaited,
    /// Shows an event to the person.
    pub tell: &'a (dyn Fn(Event) + Sync),
    pub clock: &'a Clock,
    /// Returns true if no account shares a grant with this issuer and subject, so that a refused
    /// login's refresh token can be revoked.
    pub may_revoke: &'a (dyn Fn(&str, Option<&str>) -> bool + Sync),
}

impl LoginAttempt<'_> {
    /// Logs in at one of the request's providers. Dropping the future cancels the login and closes
    /// its port.
    pub async fn run(&self) -> Result<LoggedIn, Failure> {
        let (provider, mut browser) = self.choose().await?;
        let logged_in = match self.request.flow {
            Flow::Browser => self.in_browser(provider, &mut browser).await,
            Flow::Device => self.on_another_device(provider).await,
        };
        match logged_in {
            Ok(logged_in) => Ok(LoggedIn {
                browser,
                ..logged_in
            }),
            Err(error) => {
                let failure = hint::failure(&error, provider, self.request);
                if let Some(browser) = browser {
                    let page = Page::failed(&failure.message, failure.hint.as_deref());
                    browser.answer(page).await;
                }
                Err(failure)
            }
        }
    }

    /// Fails if `login` takes longer than the client of this request waits.
    pub async fn within<T>(
        request: &LoginRequest,
        login: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let Some(limit) = request.joining.timeout.map(Duration::from_secs) else {
            return Ok(login.await);
        };
        let done = tokio::time::timeout(limit, login).await;
        done.map_err(|_| match &request.providers[..] {
            [provider, ..] => hint::failure(&LoginError::NobodyCame(limit), provider, request),
            [] => LoginError::NoProvider.into(),
        })
    }

    /// Returns the provider, and the browser in which the person has chosen it.
    async fn choose(&self) -> Result<(&Provider, Option<Visit>), Failure> {
        match (&self.request.providers[..], self.request.flow) {
            ([], _) => Err(LoginError::NoProvider.into()),
            ([one], _) => Ok((one, None)),
            (several, Flow::Browser) => Ok(self.choose_in_browser(several).await?),
            (several, Flow::Device) => {
                let names: Vec<_> = several.iter().map(Provider::name).collect();
                let names = names.join(" ");
                Err(Failure {
                    hint: Some(format!(
                        "name one: opkssh login --device ALIAS, of: {names}"
                    )),
                    ..LoginError::SeveralProviders(several.len()).into()
                })
            }
        }
    }

    /// Shows what the login waits for.
    fn waiting(&self, what: &str) {
        let what = what.to_owned();
        (self.tell)(Event::Waiting { what });
    }

    /// Has a browser window opened.
    fn open(&self, url: &str) {
        let url = url.to_owned();
        (self.tell)(Event::OpenBrowser { url, opened: false });
    }
}
