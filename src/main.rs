//! One program: log in over SSH with an OpenID Connect identity, and let such logins in.
//!
//! Parse, dispatch, turn errors into a message, a hint and an exit status. No logic here.

mod cli;
mod dispatch;
mod inspect;
mod report;

#[cfg(feature = "client")]
mod log_dir;
#[cfg(feature = "client")]
mod login;
#[cfg(feature = "client")]
mod login_files;
#[cfg(feature = "client")]
mod places;

use std::process::ExitCode;

/// Freed memory is wiped: the libraries that carry tokens (HTTP, TLS, D-Bus, JSON) do not wipe
/// their buffers, and the agent runs for weeks.
#[cfg(feature = "client")]
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(command) => match dispatch::run(command) {
            Ok(status) => status,
            Err(failure) => report::failure(&failure),
        },
        Err(stop) => report::not_a_command(stop),
    }
}
