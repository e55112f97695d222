//! `opkssh agent launch`, the process between a command and the agent that it starts.
//!
//! A command may inherit open files, such as a script's lock or a pipe that another process reads
//! to its end. The agent outlives the command and must not keep them open. A process of its own
//! closes them because the command may become ssh, which needs its files (`ssh -F <(…)`).

use std::convert::Infallible;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::agent::settings::AgentSettings;
use crate::error::ClientError;

/// Becomes `program agent run --detached` in the root directory, with only stdin, stdout and stderr
/// open. Returns only on failure.
pub fn agent_launch(settings: &AgentSettings, program: &Path) -> Result<Infallible, ClientError> {
    let arguments = settings.arguments()?;
    close_fds::set_fds_cloexec(3, &[]);
    let error = Command::new(program)
        .args(["agent", "run", "--detached"])
        .args(arguments)
        .current_dir("/")
        .exec();
    let what = format!("cannot run {}", program.display());
    Err(ClientError::io(what)(error))
}
