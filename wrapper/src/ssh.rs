//! `opkssh ssh [--account ALIAS] [ssh's arguments]`.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use opkssh_client::{
    ClientError, EnsureOutcome, Environment, LoginMethod, announce, login_command, make_usable,
};
use opkssh_protocol::control::WhichAccount;
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use crate::connecting::connecting;
use crate::destination::{Purpose, purpose};
use crate::real_program::real_program;

/// The arguments of `opkssh ssh`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshArgs {
    pub account: Option<String>,
    /// Passed to ssh unchanged.
    pub args: Vec<OsString>,
}

impl SshArgs {
    /// Parses the words after `opkssh ssh`. A leading `--account` is taken; all other words are
    /// ssh's.
    pub fn read(mut words: Vec<OsString>) -> Result<Self, ClientError> {
        let text = |word: &OsString| word.to_str().map(str::to_owned);
        let first = words.first().and_then(text).unwrap_or_default();
        let (account, taken) = match (first.as_str(), first.strip_prefix("--account=")) {
            ("--account", _) => (words.get(1).and_then(text).unwrap_or_default(), 2),
            (_, Some(alias)) => (alias.to_owned(), 1),
            (_, None) => {
                return Ok(Self {
                    account: None,
                    args: words,
                });
            }
        };
        if account.is_empty() {
            return Err(ClientError::new(
                "--account needs the alias of an account",
                "name one that `opkssh status` shows: opkssh ssh --account ALIAS HOST",
            ));
        }
        Ok(Self {
            account: Some(account),
            args: words.split_off(taken),
        })
    }
}

/// The process's environment, as far as `opkssh ssh` and `opkssh run` depend on it.
#[derive(Debug, Clone)]
pub struct SshContext {
    pub environment: Environment,
    /// `PATH`
    pub path: OsString,
    /// `SSH_AUTH_SOCK`, whose keys stay usable.
    pub agent: Option<PathBuf>,
}

impl SshContext {
    pub fn of_process() -> Self {
        Self {
            environment: Environment::of_process(),
            path: std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()),
            agent: std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from),
        }
    }

    /// Makes an account usable and returns its name.
    pub(crate) fn usable(
        &self,
        which: WhichAccount,
        places: &Places,
        err: &mut dyn Write,
    ) -> Result<String, ClientError> {
        let method = self.login_method();
        match make_usable(which, method, &self.environment, places, err)? {
            EnsureOutcome::Ready(ready) => Ok(ready.alias),
            EnsureOutcome::LoginNeeded { alias, reason } => Err(ClientError::new(
                format!("login needed, without a terminal or browser to log in: {reason}"),
                format!(
                    "log in first, on a terminal: {}",
                    login_command(alias.as_deref())
                ),
            )),
            EnsureOutcome::NotShown(failure) => Err(ClientError::Failed(failure)),
        }
    }

    fn login_method(&self) -> LoginMethod {
        let environment = &self.environment;
        if environment.stdin_terminal || environment.stderr_terminal {
            LoginMethod::Terminal
        } else if environment.is_graphical() {
            LoginMethod::Browser
        } else {
            LoginMethod::Unavailable
        }
    }
}

/// Makes an account usable, then becomes ssh. Returns only on failure.
pub fn ssh(
    args: SshArgs,
    context: &SshContext,
    places: &Places,
    err: &mut dyn Write,
) -> Result<Infallible, ClientError> {
    let mut command = prepare_ssh(args, context, places, err)?;
    let _ = err.flush();
    let error = command.exec();
    let program = command.get_program().to_string_lossy();
    Err(ClientError::io(format!("cannot run {program}"))(error))
}

/// Makes an account usable and returns the ssh command to run.
pub fn prepare_ssh(
    args: SshArgs,
    context: &SshContext,
    places: &Places,
    err: &mut dyn Write,
) -> Result<Command, ClientError> {
    let this_program = std::env::current_exe().ok();
    let program = real_program("ssh", &context.path, this_program.as_deref())?;
    let purpose = purpose(&args.args);
    let which = match (args.account, &purpose) {
        (_, Purpose::NoLogin) => None,
        (Some(alias), _) => Some(WhichAccount::Named(alias)),
        (None, Purpose::Host(host)) => Some(WhichAccount::ForHost(host.clone())),
        (None, Purpose::UnreadableHost) => Some(WhichAccount::Default),
    };
    let account = which.map(|which| context.usable(which, places, err));
    let account = account.transpose()?;
    let host = match &purpose {
        Purpose::Host(host) => Some(host.as_str()),
        Purpose::UnreadableHost | Purpose::NoLogin => None,
    };
    let agent = context.agent.clone();
    if !matches!(purpose, Purpose::NoLogin)
        && let Some(connecting) = connecting(&program, &args.args, host, account, agent)
        // an older agent does not know this request; servers in known_hosts work without it
        && let Ok(Some(not_shown)) = announce(connecting, places)
    {
        let _ = writeln!(err, "Warning: {}", printable(&not_shown.message));
        if let Some(hint) = not_shown.hint {
            let _ = writeln!(err, "hint: {}", printable(&hint));
        }
    }
    let mut command = Command::new(program);
    command
        .args(args.args)
        .env("SSH_AUTH_SOCK", places.agent_socket());
    Ok(command)
}

#[cfg(test)]
mod tests;
