//! One connection to the daemon's control socket: one request and its answer.

use std::io;
use std::path::Path;
use std::time::Duration;

use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{GenericFilePath, Stream};
use opkssh_protocol::control::{Event, Request};
use opkssh_protocol::session_environment::SessionEnvironment;

use crate::error::ClientError;
use crate::frame::{read_event, write_request};

/// How long a request that needs no network may take.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(10);

/// How long a request may take that talks to a provider but waits for no person; the daemon's own
/// limits are shorter and explain themselves.
pub(crate) const OVER_THE_NETWORK: Duration = Duration::from_secs(120);

/// A connection whose other end was found to be this user's.
pub struct Connection {
    stream: Stream,
}

impl Connection {
    /// # Errors
    /// [`ClientError::NotRunning`] when nobody listens, [`ClientError::ForeignSocket`] when
    /// somebody else does.
    pub fn open(socket: &Path) -> Result<Self, ClientError> {
        let unreachable = |source| ClientError::Unreachable {
            socket: socket.to_path_buf(),
            source,
        };
        let name = socket
            .to_fs_name::<GenericFilePath>()
            .map_err(unreachable)?;
        let stream = Stream::connect(name).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NotRunning,
            _ => unreachable(source),
        })?;
        let peer = stream.peer_creds().map_err(unreachable)?.euid();
        if peer != Some(rustix::process::geteuid().as_raw()) {
            return Err(ClientError::ForeignSocket(socket.to_path_buf()));
        }
        Ok(Self { stream })
    }

    /// Sends `request`. Each of its events must come within `patience`; `None` waits for a person.
    pub fn send(
        &mut self,
        request: &Request,
        patience: Option<Duration>,
    ) -> Result<(), ClientError> {
        self.stream
            .set_recv_timeout(patience)
            .and_then(|()| self.stream.set_send_timeout(Some(AT_ONCE)))
            .map_err(ClientError::io("cannot set up the connection to the agent"))?;
        // a daemon that systemd started cannot know it otherwise
        let session = SessionEnvironment::pick(|name| std::env::var(name).ok());
        write_request(&mut self.stream, request, session)
    }

    /// The next event; a failure that the daemon reports is an error.
    pub fn next_event(&mut self) -> Result<Event, ClientError> {
        read_event(&mut self.stream)
    }

    /// Sends `request` and returns the last event of the answer.
    pub(crate) fn ask(
        &mut self,
        request: &Request,
        patience: Duration,
    ) -> Result<Event, ClientError> {
        self.send(request, Some(patience))?;
        loop {
            let event = self.next_event()?;
            if event.is_terminal() {
                return Ok(event);
            }
        }
    }

    /// Waits until the daemon hangs up.
    pub(crate) fn wait_for_end(mut self) -> Result<(), ClientError> {
        match self.next_event() {
            Err(ClientError::HungUp) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(unexpected()),
        }
    }
}

/// For an answer that belongs to another request.
pub(crate) fn unexpected() -> ClientError {
    ClientError::Garbled("it answers another question".into())
}
