//! The agent of `opkssh run`: a separate agent, or a view of the user's own, for one command.

mod directory;

use std::path::{Path, PathBuf};
use std::time::Duration;

use opkssh_protocol::control::{AccountView, Event, Request};
use opkssh_protocol::places::Places;
use opkssh_protocol::process::Process;

use crate::agent::running::{Launcher, start};
use crate::agent::settings::{AgentSettings, RunningSettings, WhichAgent};
use crate::connection::{Connection, LOCAL_TIMEOUT, unexpected};
use crate::error::ClientError;
use crate::status::report;
use directory::CommandDirectory;

/// The socket of a command's agent. Dropped, its directory goes away: a process that becomes the
/// command drops nothing.
pub struct CommandSocket {
    /// The paths of the agent.
    places: Places,
    _directory: Option<CommandDirectory>,
}

impl CommandSocket {
    /// Returns the socket at `path`, by default one in a fresh private directory.
    pub fn new(path: Option<PathBuf>, places: &Places) -> Result<Self, ClientError> {
        let directory = match path {
            Some(_) => None,
            None => Some(CommandDirectory::create(places)?),
        };
        let socket = path.or_else(|| directory.as_ref().map(CommandDirectory::socket));
        let places = WhichAgent { socket }.places(places)?;
        match places.separate_socket() {
            Some(_) => Ok(Self {
                places,
                _directory: directory,
            }),
            None => Err(ClientError::new(
                format!(
                    "{} is your own agent's socket",
                    places.agent_socket().display()
                ),
                "name another path: --socket PATH",
            )),
        }
    }

    /// Returns the path of the socket.
    pub fn path(&self) -> PathBuf {
        self.places.agent_socket()
    }

    /// Starts an agent that ends with `process`, and returns its process id. Added keys have this
    /// lifetime.
    pub fn start_agent(
        &self,
        process: Process,
        lifetime: Option<Duration>,
    ) -> Result<u32, ClientError> {
        let failed = |error: ClientError| error.of_agent(&self.places);
        let socket = self.path();
        let running = Connection::open_if_running(&self.places);
        if running.map_err(failed)?.is_some() {
            return Err(in_use(&socket));
        }
        let settings = AgentSettings {
            socket: Some(socket),
            ends_with: Some(process),
            running: RunningSettings {
                lifetime,
                ..RunningSettings::default()
            },
            ..AgentSettings::default()
        };
        let agent = start(&self.places, &Launcher::this_program(&settings)?);
        let report = agent.and_then(report).map_err(failed)?;
        Ok(report.agent.pid)
    }

    /// Has the user's own agent, which runs at `places`, serve this account on the socket, until
    /// `process` has ended or after `lifetime`.
    pub fn open_view(
        &self,
        account: &str,
        process: Process,
        lifetime: Option<Duration>,
        places: &Places,
    ) -> Result<(), ClientError> {
        let view = AccountView {
            account: account.to_owned(),
            socket: self.path(),
            process,
            lifetime: lifetime.map(|limit| limit.as_secs()),
        };
        let mut connection = Connection::open(&places.control_socket())?;
        match connection.ask(&Request::AccountView(view), LOCAL_TIMEOUT)? {
            Event::AccountViewOpened => Ok(()),
            _ => Err(unexpected()),
        }
    }
}

fn in_use(socket: &Path) -> ClientError {
    ClientError::new(
        format!("an agent runs already at {}", socket.display()),
        "name another path: --socket PATH",
    )
}
