//! Controls systemd's user manager by `systemctl --user`.

use std::process::{Command, Output, Stdio};

use opkssh_protocol::printable::printable;

use crate::error::ClientError;

/// Returns true if the user manager answers. There is none without systemd, nor in `su` or a
/// container.
pub fn is_available() -> bool {
    succeeds(&["show-environment"])
}

/// Returns true if the unit is active.
pub fn is_active(unit: &str) -> bool {
    succeeds(&["is-active", "--quiet", unit])
}

/// Runs `systemctl --user`. Fails if the command does.
pub fn run(arguments: &[&str]) -> Result<(), ClientError> {
    let failed = |reason: String| {
        ClientError::new(
            format!("systemctl --user {} failed: {reason}", arguments.join(" ")),
            "show the units' log: systemctl --user status opkssh-agent.socket opkssh-agent.service",
        )
    };
    let output = output(arguments).map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(failed(match stderr.lines().find(|line| !line.is_empty()) {
        Some(line) => printable(line).to_string(),
        None => output.status.to_string(),
    }))
}

fn succeeds(arguments: &[&str]) -> bool {
    output(arguments).is_ok_and(|output| output.status.success())
}

fn output(arguments: &[&str]) -> std::io::Result<Output> {
    Command::new("systemctl")
        .arg("--user")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
}
