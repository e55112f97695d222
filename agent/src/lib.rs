//! The per-user daemon, in two wings that meet in one table of held identities:
//! `accounts` is the life of an identity, `serving` answers ssh.

mod accounts;
mod control;
mod failpoint;
mod hardening;
mod held;
mod idle;
mod instance;
mod listening;
mod log;
mod logind;
mod memory_lock;
mod notification;
mod open_browser;
mod password;
mod private_file;
mod program;
mod run;
mod runtime_dir;
mod seal;
mod serving;
mod sockets;
mod surroundings;
mod systemd;

use std::io::Write;

use opkssh_protocol::control::{Event, LoginRequest};
use opkssh_protocol::places::Places;

/// For the simulation in `tests/`; the daemon does not use it yet.
#[doc(hidden)]
pub use accounts::lifecycle;
pub use accounts::{Awaited, KeyTarget, NotAwaited, WrittenKeys};
pub use run::RunArgs;

/// Why the agent, or a login without it, failed.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(transparent)]
    Run(#[from] run::RunError),
    #[error(transparent)]
    Keys(#[from] accounts::KeyFileError),
}

impl AgentError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Run(error) => error.hint(),
            Self::Keys(error) => error.hint(),
        }
    }
}

/// Runs the daemon until it is told to stop.
pub fn run(places: Places, args: RunArgs) -> Result<(), AgentError> {
    Ok(run::run(&places, &args)?)
}

/// Logs in without a daemon, and writes or prints the key as Go's client does.
pub fn login_to_files(
    request: LoginRequest,
    target: &KeyTarget,
    places: &Places,
    awaited: &Awaited,
    out: &mut dyn Write,
    show: &mut dyn FnMut(Event),
) -> Result<WrittenKeys, AgentError> {
    Ok(accounts::login_to_files(
        &request, target, places, awaited, out, show,
    )?)
}
