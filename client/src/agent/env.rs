//! `opkssh agent env`.

use std::io::Write;
use std::path::Path;

use opkssh_protocol::places::Places;

use crate::error::ClientError;
use crate::format::quoted;
use crate::status::report_if_running;

/// The shell to print variables for. The default depends on `$SHELL`, as with OpenSSH's ssh-agent.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct EnvArgs {
    /// Print Bourne shell commands
    #[arg(short = 's', conflicts_with = "csh")]
    pub sh: bool,
    /// Print C shell commands
    #[arg(short = 'c')]
    pub csh: bool,
}

/// Prints the variables without starting the agent: the socket's path is the same for every agent.
pub fn agent_env(args: &EnvArgs, places: &Places, out: &mut dyn Write) -> Result<(), ClientError> {
    let pid = report_if_running(places)?.map(|report| report.agent.pid);
    let lines = variables(args, &places.agent_socket(), pid);
    let _ = write!(out, "{lines}").and_then(|()| out.flush());
    Ok(())
}

/// Returns the shell commands that set the agent's variables.
pub(crate) fn variables(shell: &EnvArgs, socket: &Path, pid: Option<u32>) -> String {
    let socket = quoted(&socket.to_string_lossy());
    let pid = pid.map(|pid| pid.to_string());
    let pairs = [("SSH_AUTH_SOCK", Some(socket)), ("SSH_AGENT_PID", pid)];
    let csh = shell.csh || (!shell.sh && login_shell_is_csh());
    pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .map(|(name, value)| {
            if csh {
                format!("setenv {name} {value};\n")
            } else {
                format!("{name}={value}; export {name};\n")
            }
        })
        .collect()
}

fn login_shell_is_csh() -> bool {
    std::env::var("SHELL").is_ok_and(|shell| shell.ends_with("csh"))
}

#[cfg(test)]
mod tests;
