//! Where a login happens: a new user key, a person at the provider, the provider's tokens, a
//! verified PK token.

mod authorization_response;
pub mod awaited;
mod begun;
mod browser;
mod check;
mod chooser;
mod device;
mod error;
mod hint;
mod last_page;
mod local_redirect;
mod loopback;
mod pages;
mod progress;
pub mod shared_login;

use opkssh_protocol::control::{Event, Flow, LoginRequest};
use opkssh_protocol::time::UnixTime;
use tokio::sync::mpsc;

use super::provider::Http;
use awaited::Awaited;

pub use begun::LoggedIn;
pub use check::{check, check_refreshed};
pub use error::{LoginError, LoginFailure};
pub use hint::typed;

/// Logs in at one of the request's providers. `events` are told what to show, `awaited` where an
/// answer can be brought; dropping the future cancels the login and closes its port.
pub async fn log_in(
    http: &Http,
    request: &LoginRequest,
    awaited: &Awaited,
    events: &mpsc::Sender<Event>,
    now: impl Fn() -> UnixTime,
) -> Result<LoggedIn, LoginFailure> {
    match request.flow {
        Flow::Browser => browser::log_in(http, request, awaited, events, now).await,
        Flow::Device => device::log_in(http, request, events, now).await,
    }
}
