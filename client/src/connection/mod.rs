//! A connection to the agent's control socket, for one request and its answer.

pub mod dead_socket;
mod frame;
pub mod runtime_dir;

use std::io;
use std::path::Path;
use std::time::Duration;

use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{GenericFilePath, Stream};
use opkssh_protocol::control::{Connecting, Event, Failure, Request};
use opkssh_protocol::places::Places;
use opkssh_protocol::session_environment::SessionEnvironment;

use self::frame::{read_event, write_request};
use self::runtime_dir::{check_length, elsewhere, unusable};
use crate::error::ClientError;

/// Timeout of a request that needs no network.
pub(crate) const LOCAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout of a request that talks to a provider but waits for no person. The agent's own timeouts
/// are shorter and have better messages.
pub(crate) const NETWORK_TIMEOUT: Duration = Duration::from_secs(120);

/// The same for a command whose answer a script waits for.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(24);

/// A connection to an agent that runs as this user.
pub struct Connection {
    stream: Stream,
}

impl Connection {
    /// Connects to `socket`. Fails with [`ClientError::NotRunning`] if no process listens, and
    /// otherwise if another user's does.
    pub fn open(socket: &Path) -> Result<Self, ClientError> {
        check_length(socket)?;
        let unreachable = |error: io::Error| {
            let what = format!("cannot reach the agent at {}: {error}", socket.display());
            ClientError::NoAnswer(what)
        };
        let name = socket
            .to_fs_name::<GenericFilePath>()
            .map_err(unreachable)?;
        let stream = Stream::connect(name).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NotRunning,
            io::ErrorKind::PermissionDenied => unusable(socket, "permission denied"),
            io::ErrorKind::NotADirectory => unusable(socket, "not a directory"),
            _ => unreachable(source),
        })?;
        let peer = stream.peer_creds().map_err(unreachable)?.euid();
        if peer != Some(rustix::process::geteuid().as_raw()) {
            let why = format!("the socket {} belongs to another user", socket.display());
            return Err(unusable(socket, &why));
        }
        Ok(Self { stream })
    }

    /// Connects to the agent, or returns `None` if it is not running. Fails if it runs with another
    /// runtime directory.
    pub(crate) fn open_if_running(places: &Places) -> Result<Option<Self>, ClientError> {
        match Self::open(&places.control_socket()) {
            Err(ClientError::NotRunning) if places.separate_socket().is_some() => Ok(None),
            Err(ClientError::NotRunning) => elsewhere(places).map_or(Ok(None), Err),
            opened => opened.map(Some),
        }
    }

    /// Sends `request`. Each event must arrive within `timeout`; `None` waits without limit, for a
    /// person.
    pub fn send(
        &mut self,
        request: &Request,
        timeout: Option<Duration>,
    ) -> Result<(), ClientError> {
        self.stream
            .set_recv_timeout(timeout)
            .and_then(|()| self.stream.set_send_timeout(Some(LOCAL_TIMEOUT)))
            .map_err(ClientError::io("cannot set up the connection to the agent"))?;
        // an agent that systemd started does not inherit the session's environment
        let session = SessionEnvironment::pick(|name| std::env::var(name).ok());
        write_request(&mut self.stream, request, session)
    }

    /// Returns the next event. Fails if the agent reports a failure.
    pub fn next_event(&mut self) -> Result<Event, ClientError> {
        read_event(&mut self.stream)
    }

    /// Sends `request` and returns the last event of the answer.
    pub(crate) fn ask(
        &mut self,
        request: &Request,
        timeout: Duration,
    ) -> Result<Event, ClientError> {
        self.send(request, Some(timeout))?;
        loop {
            let event = self.next_event()?;
            if event.is_terminal() {
                return Ok(event);
            }
        }
    }

    /// Waits until the agent closes the connection.
    pub(crate) fn wait_for_end(mut self) -> Result<(), ClientError> {
        match self.next_event() {
            Err(ClientError::ConnectionClosed) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(unexpected()),
        }
    }
}

/// Announces an ssh process to the agent, which must be running. Returns why the server will not be
/// shown the account, and what to change, if the agent expects so.
pub fn announce(connecting: Connecting, places: &Places) -> Result<Option<Failure>, ClientError> {
    let mut connection = Connection::open(&places.control_socket())?;
    match connection.ask(&Request::Connecting(connecting), LOCAL_TIMEOUT)? {
        Event::Noted { not_shown } => Ok(not_shown),
        _ => Err(unexpected()),
    }
}

/// Returns the error for an event that does not answer the request.
pub(crate) fn unexpected() -> ClientError {
    ClientError::InvalidAnswer("it does not answer this request".into())
}
