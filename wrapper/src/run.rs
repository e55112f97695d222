//! `opkssh run [--account ALIAS] [--socket PATH] [--lifetime DURATION] -- COMMAND …`.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::ValueHint;
use clap::builder::NonEmptyStringValueParser;
use opkssh_client::{ClientError, CommandSocket, parse_duration};
use opkssh_protocol::control::WhichAccount;
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::{printable, quoted};
use opkssh_protocol::process::Process;

use crate::own_process::own_process;
use crate::ssh::SshContext;

#[derive(Debug, Clone, clap::Args)]
pub struct RunCommandArgs {
    /// Show the command one account of your own agent, which it cannot change, in place of an empty
    /// agent
    #[arg(long, value_name = "ALIAS", value_parser = NonEmptyStringValueParser::new())]
    pub account: Option<String>,
    /// Remove each key this long after ssh-add added it; with --account, the account this long
    /// after the start; e.g. 30m or 8h [default: never]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub lifetime: Option<Duration>,
    /// Path of the agent's socket [default: in a new private directory]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub socket: Option<PathBuf>,
    /// Command to run, and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_hint = ValueHint::CommandWithArguments
    )]
    pub command: Vec<OsString>,
}

/// Why the command does not run. The exit status is that of env(1): 125, 126 or 127.
#[derive(Debug)]
pub struct RunFailure {
    pub error: ClientError,
    pub status: u8,
}

impl From<ClientError> for RunFailure {
    fn from(error: ClientError) -> Self {
        Self { error, status: 125 }
    }
}

/// Becomes the command, with an agent that ends with it. Returns only on failure.
pub fn run(
    args: RunCommandArgs,
    context: &SshContext,
    places: &Places,
    err: &mut dyn Write,
) -> Result<Infallible, RunFailure> {
    // no program has such a name: it is a mistyped option
    if let Some(word) = args.command.first().and_then(|word| word.to_str())
        && word.starts_with('-')
    {
        let what = format!("opkssh run has no option {}", quoted(word));
        return Err(ClientError::new(what, "see its options: opkssh run --help").into());
    }
    // the agent looks after this process, which becomes the command
    let process = own_process().unwrap_or(Process {
        pid: std::process::id(),
        start_time: 0,
    });
    let mut words = args.command.into_iter();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    let socket = CommandSocket::new(args.socket, places)?;
    match args.account {
        Some(alias) => {
            let account = context.usable(WhichAccount::Named(alias), places, err)?;
            socket.open_view(&account, process, args.lifetime, places)?;
            // `ssh-agent -k` would end the user's own agent
            command.env_remove("SSH_AGENT_PID");
        }
        None => {
            let pid = socket.start_agent(process, args.lifetime)?;
            command.env("SSH_AGENT_PID", pid.to_string());
        }
    }
    let _ = err.flush();
    let error = command.env("SSH_AUTH_SOCK", socket.path()).exec();
    let status = match error.kind() {
        io::ErrorKind::NotFound => 127,
        _ => 126,
    };
    let program = command.get_program().to_string_lossy();
    let error = ClientError::new(
        format!("cannot run {}: {error}", printable(&program)),
        "name a program on PATH, or its path: opkssh run -- bash",
    );
    Err(RunFailure { error, status })
}
