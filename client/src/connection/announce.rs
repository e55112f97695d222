//! Tells the agent what an ssh process is about to connect to.

use opkssh_protocol::control::{Connecting, Event, Request};
use opkssh_protocol::places::Places;

use crate::connection::{Connection, LOCAL_TIMEOUT, unexpected};
use crate::error::ClientError;

/// Announces an ssh process to the agent, which must be running.
pub fn announce(connecting: Connecting, places: &Places) -> Result<(), ClientError> {
    let mut connection = Connection::open(&places.control_socket())?;
    match connection.ask(&Request::Connecting(connecting), LOCAL_TIMEOUT)? {
        Event::Noted => Ok(()),
        _ => Err(unexpected()),
    }
}
