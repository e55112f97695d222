//! The program `opkssh`: client, agent and server commands.
//!
//! Parses the command line, runs the command, and turns an error into a message, a hint and an exit
//! status.

mod cli;
mod completions;
mod dispatch;
mod inspect;
mod man;
mod parse;
mod report;

#[cfg(feature = "client")]
mod agent_run;
#[cfg(feature = "client")]
mod log_dir;
#[cfg(feature = "client")]
mod login;
#[cfg(feature = "client")]
mod login_files;
#[cfg(feature = "client")]
mod places;

use std::process::ExitCode;

/// Wipes freed memory: the libraries that handle tokens (HTTP, TLS, D-Bus, JSON) do not wipe their
/// buffers, and the agent runs for weeks.
#[cfg(feature = "client")]
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    parse::parse(std::env::args_os())
        .and_then(dispatch::run)
        .unwrap_or_else(|failure| report::failure(&failure))
}
