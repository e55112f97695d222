//! Starts a separate agent. It has no log: what it says of a start that fails is the error.

use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStderr, Stdio};

use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use super::{Launcher, START_TIMEOUT, wait_until_ready};
use crate::connection::Connection;
use crate::error::ClientError;

/// Starts the agent and connects to it.
pub fn start(places: &Places, launcher: &Launcher) -> Result<Connection, ClientError> {
    let program = launcher.program.display();
    let mut agent = launcher
        .command()
        .stderr(Stdio::piped())
        .spawn()
        .map_err(ClientError::io(format!("cannot run {program}")))?;
    let (stdout, stderr) = (agent.stdout.take(), agent.stderr.take());
    let is_in_time = stdout.is_some_and(wait_until_ready);
    let opened = Connection::open(&places.control_socket());
    if is_in_time && let Ok(connection) = opened {
        return Ok(connection);
    }
    // a late agent is of no use; one that has ended is not hurt
    let _ = agent.kill();
    let _ = agent.wait();
    Err(match stderr.and_then(last_error) {
        Some(error) => error,
        None if is_in_time => ClientError::without_hint("cannot start the agent: it ended at once"),
        None => ClientError::without_hint(format!(
            "cannot start the agent: not ready after {} seconds",
            START_TIMEOUT.as_secs()
        )),
    })
}

/// Returns the error that a process that has ended wrote last.
fn last_error(stderr: ChildStderr) -> Option<ClientError> {
    let lines = BufReader::new(stderr.take(64 * 1024)).lines();
    let lines: Vec<String> = lines.map_while(Result::ok).collect();
    let last = |prefix: &str| {
        let mut lines = lines.iter().rev();
        lines.find_map(|line| line.strip_prefix(prefix))
    };
    let what = printable(last("Error: ")?).to_string();
    Some(match last("hint: ") {
        Some(hint) => ClientError::new(what, printable(hint).to_string()),
        None => ClientError::without_hint(what),
    })
}
