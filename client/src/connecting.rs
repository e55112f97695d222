//! Telling the daemon what an ssh is about to connect to.

use opkssh_protocol::control::{Connecting, Event, Request};
use opkssh_protocol::places::Places;

use crate::connection::{AT_ONCE, Connection, unexpected};
use crate::error::ClientError;

/// Announces an ssh to the daemon, which must be running.
pub fn announce(connecting: Connecting, places: &Places) -> Result<(), ClientError> {
    let mut connection = Connection::open(&places.control_socket())?;
    match connection.ask(&Request::Connecting(connecting), AT_ONCE)? {
        Event::Noted => Ok(()),
        _ => Err(unexpected()),
    }
}
