//! The per-user daemon, in two wings: `accounts` is the life of an identity, `serving` answers ssh.
//! Accounts are one source of the identities that are served; serving knows no accounts.

mod accounts;
mod audit;
mod daemon;
mod desktop;
mod failpoint;
mod notices;
mod seal;
mod serving;

use std::io::Write;

use opkssh_protocol::control::{Event, LoginRequest};
use opkssh_protocol::places::Places;

/// For the simulation in `tests/`; the daemon does not use it yet.
#[doc(hidden)]
pub use accounts::lifecycle;
pub use accounts::{Awaited, KeyTarget, NotAwaited, WriteKeysError, WrittenKeys};
pub use daemon::{RunArgs, RunError, run};

use daemon::hardening;
use daemon::memory_lock::MemoryLock;

/// Logs in without a daemon, and writes or prints the key as Go's client does.
pub fn login_to_files(
    request: LoginRequest,
    target: &KeyTarget,
    places: &Places,
    awaited: &Awaited,
    out: &mut dyn Write,
    show: &mut dyn FnMut(Event),
) -> Result<WrittenKeys, WriteKeysError> {
    hardening::apply();
    // fails in no mode but the strict one
    let _ = MemoryLock::Auto.apply();
    accounts::login_to_files(&request, target, places, awaited, out, show)
}
