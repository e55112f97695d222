//! The per-user daemon, in two wings: `accounts` is the life of an identity, `serving` answers ssh.
//! Accounts are one source of the identities that are served; serving knows no accounts.

mod accounts;
mod daemon;
mod desktop;
mod failpoint;
mod notices;
mod private_dir;
mod serving;

use std::io::Write;

use opkssh_protocol::control::{Event, LoginRequest};
use opkssh_protocol::places::Places;

/// For the simulation in `tests/`; the daemon does not use it yet.
#[doc(hidden)]
pub use accounts::lifecycle;
pub use accounts::{Awaited, KeyTarget, NotAwaited, WrittenKeys};
pub use daemon::RunArgs;

use daemon::hardening;
use daemon::memory_lock::MemoryLock;

/// Why the agent, or a login without it, failed.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(transparent)]
    Run(#[from] daemon::RunError),
    #[error(transparent)]
    Keys(#[from] accounts::WriteKeysError),
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
    Ok(daemon::run(&places, &args)?)
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
    hardening::apply();
    // fails in no mode but the strict one
    let _ = MemoryLock::Auto.apply();
    Ok(accounts::login_to_files(
        &request, target, places, awaited, out, show,
    )?)
}
