//! Telling the client how far the login is.

use opkssh_protocol::control::Event;
use tokio::sync::mpsc;

use super::error::LoginError;

/// Tells the client what the login waits for.
pub(super) async fn waiting(events: &mpsc::Sender<Event>, what: &str) -> Result<(), LoginError> {
    let what = what.to_owned();
    tell(events, Event::Waiting { what }).await
}

/// Sends an event. Fails if the client went away.
pub(super) async fn tell(events: &mpsc::Sender<Event>, event: Event) -> Result<(), LoginError> {
    events.send(event).await.map_err(|_| LoginError::Cancelled)
}
