//! `opkssh agent restart`: the daemon anew, of this version of the program.

use std::io::Write;
use std::path::Path;

use opkssh_protocol::control::{AgentStatus, StatusReport};
use opkssh_protocol::places::Places;

use crate::agent_commands::stop;
use crate::agent_settings::AgentSettings;
use crate::connection::Connection;
use crate::ensure_running::ensure_running_with;
use crate::error::ClientError;
use crate::status::report;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct RestartArgs {
    #[command(flatten)]
    pub settings: AgentSettings,
    /// Even if logins are lost that are in memory only
    #[arg(long)]
    pub force: bool,
}

/// Stops the daemon, if it runs, and starts it, by default with the settings it had.
///
/// # Errors
/// [`ClientError::WouldLose`] when accounts would not come back, and
/// [`ClientError::RestartBlindly`] when that cannot be told, unless it is accepted.
pub fn agent_restart(
    args: &RestartArgs,
    places: &Places,
    out: &mut dyn Write,
) -> Result<(), ClientError> {
    let mut settings = args.settings.clone();
    match running(places) {
        Ok(Some(running)) => {
            if !args.force {
                refuse_to_lose(&running, "opkssh agent restart")?;
            }
            keep(&mut settings, &running.agent, places);
        }
        Ok(None) => {}
        // nothing but its end can be asked for
        Err(ClientError::Version { .. }) if args.force => {}
        Err(ClientError::Version { agent }) => {
            return Err(ClientError::RestartBlindly { agent });
        }
        Err(error) => return Err(error),
    }
    stop_running(places)?;
    let agent = report(ensure_running_with(&settings, places)?)?.agent;
    // one that systemd starts has the settings of its unit
    args.settings.check(&agent)?;
    let _ = writeln!(
        out,
        "The agent runs anew: version {}, pid {}.",
        agent.version, agent.pid
    );
    Ok(())
}

/// The report of the daemon, if it runs.
pub(crate) fn running(places: &Places) -> Result<Option<StatusReport>, ClientError> {
    match Connection::open(&places.control_socket()) {
        Ok(connection) => report(connection).map(Some),
        Err(ClientError::NotRunning) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn stop_running(places: &Places) -> Result<(), ClientError> {
    match Connection::open(&places.control_socket()) {
        Ok(connection) => stop(connection),
        Err(ClientError::NotRunning) => Ok(()),
        Err(error) => Err(error),
    }
}

/// An error if the end of this daemon is the end of a login.
pub(crate) fn refuse_to_lose(
    running: &StatusReport,
    command: &'static str,
) -> Result<(), ClientError> {
    let shown = running
        .accounts
        .iter()
        .filter(|account| account.store == "memory" || account.store_error.is_some());
    let mut accounts: Vec<String> = shown.map(|account| account.alias.clone()).collect();
    // those that a locked agent does not show
    let hidden = running.agent.at_risk.iter().cloned();
    accounts.extend(hidden);
    accounts.sort();
    accounts.dedup();
    if accounts.is_empty() {
        Ok(())
    } else {
        Err(ClientError::WouldLose { accounts, command })
    }
}

fn keep(settings: &mut AgentSettings, agent: &AgentStatus, places: &Places) {
    let socket = Path::new(&agent.agent_socket);
    if settings.socket.is_none() && socket != places.agent_socket() {
        settings.socket = Some(socket.to_owned());
    }
    if settings.store.is_none() && !matches!(agent.store_wish.as_str(), "" | "auto") {
        settings.store = Some(agent.store_wish.clone());
    }
    settings.running.keep(agent);
}
