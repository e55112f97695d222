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
    #[arg(short = 's', conflicts_with_all = ["csh", "fish"])]
    pub sh: bool,
    /// Print C shell commands
    #[arg(short = 'c', conflicts_with = "fish")]
    pub csh: bool,
    /// Print fish commands
    #[arg(long)]
    pub fish: bool,
}

enum Syntax {
    Sh,
    Csh,
    Fish,
}

impl EnvArgs {
    /// Returns true if a shell was named.
    pub(crate) fn is_given(&self) -> bool {
        self.sh || self.csh || self.fish
    }

    /// Returns the syntax that was asked for, else that of the login shell.
    fn syntax(&self) -> Syntax {
        let shell = std::env::var("SHELL").unwrap_or_default();
        let asked = self.is_given();
        if self.csh || !asked && shell.ends_with("csh") {
            Syntax::Csh
        } else if self.fish || !asked && shell.ends_with("fish") {
            Syntax::Fish
        } else {
            Syntax::Sh
        }
    }
}

/// Prints the variables without starting the agent: the socket's path is the same for every agent.
pub fn agent_env(
    args: &EnvArgs,
    places: &Places,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), ClientError> {
    let pid = report_if_running(places)?.map(|report| report.agent.pid);
    if pid.is_none() {
        let warning = "Warning: the agent is not running\nhint: start it: opkssh agent start";
        let _ = writeln!(err, "{warning}");
    }
    let lines = variables(args, &places.agent_socket(), pid);
    let _ = write!(out, "{lines}").and_then(|()| out.flush());
    Ok(())
}

/// Returns the shell commands that set the agent's variables.
pub(crate) fn variables(shell: &EnvArgs, socket: &Path, pid: Option<u32>) -> String {
    let syntax = shell.syntax();
    let socket = socket.to_string_lossy();
    let socket = match syntax {
        // within quotes, too, a backslash escapes another one
        Syntax::Fish => quoted(&socket.replace('\\', r"\\")),
        Syntax::Sh | Syntax::Csh => quoted(&socket),
    };
    let pid = pid.map(|pid| pid.to_string());
    let pairs = [("SSH_AUTH_SOCK", Some(socket)), ("SSH_AGENT_PID", pid)];
    pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .map(|(name, value)| match syntax {
            Syntax::Sh => format!("{name}={value}; export {name};\n"),
            Syntax::Csh => format!("setenv {name} {value};\n"),
            Syntax::Fish => format!("set -gx {name} {value};\n"),
        })
        .collect()
}

/// Returns the shell commands that unset the agent's variables.
pub(crate) fn without_variables(shell: &EnvArgs) -> String {
    let names = ["SSH_AUTH_SOCK", "SSH_AGENT_PID"].into_iter();
    let unset = match shell.syntax() {
        Syntax::Sh => "unset",
        Syntax::Csh => "unsetenv",
        Syntax::Fish => "set -e",
    };
    names.map(|name| format!("{unset} {name};\n")).collect()
}

#[cfg(test)]
mod tests;
