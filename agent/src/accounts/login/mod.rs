//! Where a login happens: a new user key, a person at the provider, the provider's tokens, a
//! verified PK token.

mod authorization_response;
pub mod awaited;
mod begun;
mod browser;
mod check;
mod chooser;
mod context;
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
use tokio::sync::mpsc;

use super::provider::Http;
use awaited::Awaited;

pub use begun::LoggedIn;
pub use check::{check, check_refreshed};
pub use context::Context;
pub use error::{LoginError, LoginFailure};
pub use hint::typed;

/// Logs in at one of the request's providers. `events` are told what to show, `awaited` where an
/// answer can be brought; dropping the future cancels the login and closes its port.
pub async fn log_in(
    http: &Http,
    request: &LoginRequest,
    awaited: &Awaited,
    events: &mpsc::Sender<Event>,
    context: Context<'_>,
) -> Result<LoggedIn, LoginFailure> {
    match request.flow {
        Flow::Browser => browser::log_in(http, request, awaited, events, context).await,
        Flow::Device => device::log_in(http, request, events, context).await,
    }
}
