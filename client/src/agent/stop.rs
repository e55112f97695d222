//! `opkssh agent stop`.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Write;

use opkssh_protocol::control::{AccountStatus, Event, Request, StatusReport, WhichAccount};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use crate::agent::env::{EnvArgs, without_variables};
use crate::agent::settings::WhichAgent;
use crate::answer::AgentReply;
use crate::connection::{Connection, LOCAL_TIMEOUT, NETWORK_TIMEOUT, unexpected};
use crate::error::ClientError;
use crate::format::agent_command;
use crate::status::report_if_running;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct StopArgs {
    /// Stop even if logins in the agent's memory are lost; they are revoked
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub agent: WhichAgent,
    /// Print commands that unset the agent's variables
    #[command(flatten)]
    pub shell: EnvArgs,
    /// Print the result as JSON
    #[arg(long, conflicts_with_all = ["sh", "csh", "fish"])]
    pub json: bool,
}

/// Stops the agent and waits until it has ended. Stored accounts stay in the store.
///
/// Without `--force`, fails if accounts would be lost, or the agent's version cannot tell.
pub fn agent_stop(
    args: &StopArgs,
    places: &Places,
    out: &mut dyn Write,
) -> Result<AgentReply, ClientError> {
    let places = args.agent.places(places)?;
    stop(args, &places, out).map_err(|error| error.of_agent(&places))
}

fn stop(args: &StopArgs, places: &Places, out: &mut dyn Write) -> Result<AgentReply, ClientError> {
    let running = look_before_stop(&agent_command("stop", places), args.force, places)?;
    let message = match stop_running(args.force, places, out)? {
        true => "The agent has stopped.",
        false => "The agent is not running.",
    };
    let hint = lost_keys(running.as_ref());
    if args.shell.is_given() {
        let _ = write!(out, "{}", without_variables(&args.shell));
        if let Some(running) = &running {
            let _ = writeln!(out, "echo Agent pid {} killed;", running.agent.pid);
        }
    } else {
        let _ = writeln!(out, "{message}");
        if let Some(line) = &hint {
            let _ = writeln!(out, "{line}");
        }
    }
    Ok(AgentReply {
        hint,
        ..AgentReply::done(message, None)
    })
}

/// Returns what to say of keys from `ssh-add`, which end with the agent.
pub(super) fn lost_keys(running: Option<&StatusReport>) -> Option<String> {
    match running?.agent.added_keys {
        0 => None,
        1 => Some("1 key from ssh-add is gone: add it again".to_owned()),
        keys => Some(format!("{keys} keys from ssh-add are gone: add them again")),
    }
}

/// Returns what a running agent reports. Unless `force` is given, fails if accounts would be lost
/// with it, or it cannot tell. `command` is what was typed.
pub(crate) fn look_before_stop(
    command: &str,
    force: bool,
    places: &Places,
) -> Result<Option<StatusReport>, ClientError> {
    let unknown = |error: &ClientError| {
        let what = format!("{error}: its settings and its logins in memory are unknown");
        let hint = format!("if you can log in again afterwards: {command} --force");
        ClientError::new(what, hint)
    };
    match report_if_running(places) {
        Ok(Some(running)) if !force => {
            check_nothing_lost(&running, command).map(|()| Some(running))
        }
        // every version understands a request to stop
        Err(_) if force => Ok(None),
        Err(error @ ClientError::Version { .. }) => Err(unknown(&error)),
        Err(
            error @ (ClientError::NoAnswer(_)
            | ClientError::ConnectionClosed
            | ClientError::InvalidAnswer(_)),
        ) => Err(unknown(&error).into_inconclusive()),
        other => other,
    }
}

/// Fails if accounts are in this agent's memory only. `command` is what was typed.
pub(crate) fn check_nothing_lost(running: &StatusReport, command: &str) -> Result<(), ClientError> {
    let accounts = at_risk(running);
    if accounts.is_empty() {
        return Ok(());
    }
    let what = format!(
        "{} would be lost: the login is in the agent's memory only",
        accounts.into_iter().collect::<Vec<_>>().join(", ")
    );
    let mut accounts = running.accounts.iter();
    let keep = match accounts.any(|account| account.store_error.is_some()) {
        true => "wait, or unlock the keyring",
        false => "move it to an encrypted file: opkssh agent restart --store file",
    };
    let hint = format!("{keep}; if you can log in again afterwards: {command} --force");
    Err(ClientError::new(what, hint))
}

/// Returns the accounts that would be lost with the agent, those included that it hides.
pub(super) fn at_risk(running: &StatusReport) -> BTreeSet<&str> {
    let is_at_risk = |it: &&AccountStatus| it.store == "memory" || it.store_error.is_some();
    let shown = running.accounts.iter().filter(is_at_risk);
    let hidden = running.agent.at_risk.iter().map(String::as_str);
    shown.map(|it| it.alias.as_str()).chain(hidden).collect()
}

fn not_logged_out(account: &str, why: impl Display) -> String {
    format!("Not logged out of {account}, whose refresh token may still count: {why}")
}

/// Stops the agent and waits until it has ended. With `revoke`, logs out first of what would be
/// lost. Returns false if it is not running.
pub(crate) fn stop_running(
    revoke: bool,
    places: &Places,
    out: &mut dyn Write,
) -> Result<bool, ClientError> {
    if revoke && let Ok(Some(running)) = report_if_running(places) {
        for account in at_risk(&running) {
            let which = WhichAccount::Named(account.to_owned());
            let logout = Request::Logout { which, force: true };
            let Some(mut connection) = Connection::open_if_running(places)? else {
                break;
            };
            let line = match connection.ask(&logout, NETWORK_TIMEOUT) {
                Ok(Event::LoggedOut { accounts, failures }) => match failures.first() {
                    Some(failure) => not_logged_out(account, &failure.message),
                    None => {
                        let told = accounts
                            .iter()
                            .map(|account| format!(": {}", account.revocation));
                        format!("Logged out of {account}{}", told.collect::<String>())
                    }
                },
                Ok(_) => return Err(unexpected()),
                Err(error) => not_logged_out(account, &error),
            };
            let _ = writeln!(out, "{}", printable(&line));
        }
    }
    let Some(mut connection) = Connection::open_if_running(places)? else {
        return Ok(false);
    };
    match connection.ask(&Request::Stop, LOCAL_TIMEOUT)? {
        Event::Stopping => connection.wait_for_end().map(|()| true),
        _ => Err(unexpected()),
    }
}
