//! `opkssh agent launch`, the step between a command and the daemon that it starts.
//!
//! A command may have been given open files that are not its own: a lock that a script holds, a
//! pipe that somebody reads to its end. The daemon outlives the command and must not keep them.
//! They are let go of here, in a process of its own: the command itself may be about to become
//! ssh, which needs what it was given (`ssh -F <(…)`).

use std::convert::Infallible;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::agent_settings::AgentSettings;
use crate::error::ClientError;

/// Becomes `program agent run --detached`, in the root directory and with no files open but
/// stdin, stdout and stderr. Returns only when that failed.
pub fn agent_launch(settings: &AgentSettings, program: &Path) -> Result<Infallible, ClientError> {
    let arguments = settings.arguments()?;
    close_fds::set_fds_cloexec(3, &[]);
    let source = Command::new(program)
        .args(["agent", "run", "--detached"])
        .args(arguments)
        .current_dir("/")
        .exec();
    Err(ClientError::Io {
        what: format!("cannot run {}", program.display()),
        source,
    })
}
