//! `opkssh agent stop`.

use std::io::Write;

use opkssh_protocol::control::{Event, Request};
use opkssh_protocol::places::Places;

use crate::connection::{Connection, LOCAL_TIMEOUT, unexpected};
use crate::error::ClientError;

/// Stops the agent and waits until it has ended. Accounts stay in the store.
pub fn agent_stop(places: &Places, out: &mut dyn Write) -> Result<(), ClientError> {
    let message = match stop_running(places)? {
        true => "The agent has stopped.",
        false => "The agent is not running.",
    };
    let _ = writeln!(out, "{message}");
    Ok(())
}

/// Stops the agent and waits until it has ended. Returns false if it is not running.
pub(crate) fn stop_running(places: &Places) -> Result<bool, ClientError> {
    let Some(mut connection) = Connection::open_if_running(places)? else {
        return Ok(false);
    };
    match connection.ask(&Request::Stop, LOCAL_TIMEOUT)? {
        Event::Stopping => connection.wait_for_end().map(|()| true),
        _ => Err(unexpected()),
    }
}
