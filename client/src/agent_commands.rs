//! `opkssh agent start|stop|env`.

use std::io::Write;
use std::path::{Path, PathBuf};

use opkssh_protocol::control::{Event, Request};
use opkssh_protocol::places::Places;

use crate::agent_settings::AgentSettings;
use crate::connection::{Connection, LOCAL_TIMEOUT, unexpected};
use crate::ensure_running::ensure_running_with;
use crate::error::ClientError;
use crate::shown::quoted;
use crate::status::report;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct StartArgs {
    #[command(flatten)]
    pub settings: AgentSettings,
    #[command(flatten)]
    pub shell: EnvArgs,
}

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

/// Starts the agent if needed and prints its variables for a shell. Fails if an agent with other
/// settings runs.
pub fn agent_start(
    args: &StartArgs,
    places: &Places,
    out: &mut dyn Write,
) -> Result<(), ClientError> {
    let agent = report(ensure_running_with(&args.settings, places)?)?.agent;
    args.settings.check(&agent)?;
    let pid = agent.pid;
    let socket = match args.settings.socket {
        Some(_) => PathBuf::from(agent.agent_socket),
        None => places.agent_socket(),
    };
    let lines = variables(&args.shell, &socket, Some(pid));
    let _ = writeln!(out, "{lines}echo Agent pid {pid};").and_then(|()| out.flush());
    Ok(())
}

/// Prints the variables without starting the agent: the socket's path is the same for every agent.
pub fn agent_env(args: &EnvArgs, places: &Places, out: &mut dyn Write) -> Result<(), ClientError> {
    let pid = match Connection::open(&places.control_socket()) {
        Ok(connection) => Some(report(connection)?.agent.pid),
        Err(ClientError::NotRunning) => None,
        Err(error) => return Err(error),
    };
    let lines = variables(args, &places.agent_socket(), pid);
    let _ = write!(out, "{lines}").and_then(|()| out.flush());
    Ok(())
}

/// Stops the agent and waits until it has ended. Accounts stay in the store.
pub fn agent_stop(places: &Places, out: &mut dyn Write) -> Result<(), ClientError> {
    let message = match Connection::open(&places.control_socket()) {
        Ok(connection) => {
            stop(connection)?;
            "The agent has stopped."
        }
        Err(ClientError::NotRunning) => "The agent is not running.",
        Err(error) => return Err(error),
    };
    let _ = writeln!(out, "{message}");
    Ok(())
}

pub(crate) fn stop(mut connection: Connection) -> Result<(), ClientError> {
    match connection.ask(&Request::Stop, LOCAL_TIMEOUT)? {
        Event::Stopping => connection.wait_for_end(),
        _ => Err(unexpected()),
    }
}

fn variables(shell: &EnvArgs, socket: &Path, pid: Option<u32>) -> String {
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
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_openssh() {
        let sh = EnvArgs {
            sh: true,
            csh: false,
        };
        let csh = EnvArgs {
            sh: false,
            csh: true,
        };
        let socket = Path::new("/run/user/1000/opkssh/agent.sock");
        assert_eq!(
            variables(&sh, socket, Some(7)),
            "SSH_AUTH_SOCK=/run/user/1000/opkssh/agent.sock; export SSH_AUTH_SOCK;\n\
             SSH_AGENT_PID=7; export SSH_AGENT_PID;\n"
        );
        assert_eq!(
            variables(&csh, socket, Some(7)),
            "setenv SSH_AUTH_SOCK /run/user/1000/opkssh/agent.sock;\nsetenv SSH_AGENT_PID 7;\n"
        );
        assert_eq!(
            variables(&sh, Path::new("/a b/$x'y"), None),
            "SSH_AUTH_SOCK='/a b/$x'\\''y'; export SSH_AUTH_SOCK;\n"
        );
    }
}
