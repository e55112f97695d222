//! systemd's user manager, by its own command.

use std::process::{Command, Output, Stdio};

use opkssh_protocol::printable::printable;

use crate::error::ClientError;

/// Does a user manager answer here? There is none without systemd, nor for a user who has no
/// session of their own (`su`, a container).
pub fn answers() -> bool {
    is_so(&["show-environment"])
}

pub fn is_active(unit: &str) -> bool {
    is_so(&["is-active", "--quiet", unit])
}

/// `systemctl --user` with these arguments, which must succeed.
pub fn run(arguments: &[&str]) -> Result<(), ClientError> {
    let failed = |reason: String| ClientError::Systemctl {
        arguments: arguments.join(" "),
        reason,
    };
    let output = output(arguments).map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(match said.lines().find(|line| !line.is_empty()) {
        Some(line) => printable(line).to_string(),
        None => output.status.to_string(),
    }))
}

fn is_so(arguments: &[&str]) -> bool {
    output(arguments).is_ok_and(|output| output.status.success())
}

fn output(arguments: &[&str]) -> std::io::Result<Output> {
    Command::new("systemctl")
        .arg("--user")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
}
