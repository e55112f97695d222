//! Opening the person's browser from the daemon, for a login that no command waits for.
//!
//! The command that knows how (`opkssh agent browse`) does it, in the session's environment. Where
//! systemd keeps the daemon in a sandbox, it is started outside of that: a browser needs more than
//! the daemon may.

use std::path::Path;
use std::process::{Command, Stdio};

use opkssh_protocol::session_environment::SessionEnvironment;

use super::outside_sandbox;
use super::surroundings::Surroundings;

/// Opens `url`. Returns false if no browser could be started.
pub async fn open(url: String, surroundings: &Surroundings) -> bool {
    let Ok(program) = std::env::current_exe() else {
        return false;
    };
    let (session, is_service) = (surroundings.session(), surroundings.is_service);
    // the desktop's opener would start a browser for terminals
    if !session.has_desktop() {
        return false;
    }
    let opened = tokio::task::spawn_blocking(move || {
        (is_service && run(by_systemd(&program, &url, &session)))
            || run(directly(&program, &url, &session))
    });
    opened.await.unwrap_or(false)
}

fn directly(program: &Path, url: &str, session: &SessionEnvironment) -> Command {
    let mut command = Command::new(program);
    command.args(["agent", "browse", url]);
    command.envs(session.for_programs());
    command
}

/// The service is over as soon as the browser was started; the browser stays.
fn by_systemd(program: &Path, url: &str, session: &SessionEnvironment) -> Command {
    outside_sandbox::by_systemd(
        &["--property=KillMode=process"],
        "open the browser",
        session.for_programs(),
        program.as_os_str(),
        &["agent", "browse", url],
    )
}

fn run(mut command: Command) -> bool {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests;
