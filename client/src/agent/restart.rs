//! `opkssh agent restart`.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use opkssh_protocol::control::{AccountStatus, AgentStatus, StatusReport};
use opkssh_protocol::places::Places;

use crate::agent::running::ensure_running_with;
use crate::agent::settings::AgentSettings;
use crate::agent::stop::stop_running;
use crate::error::ClientError;
use crate::status::{report, report_if_running};

#[derive(Debug, Clone, Default, clap::Args)]
pub struct RestartArgs {
    #[command(flatten)]
    pub settings: AgentSettings,
    /// Restart even if logins in the agent's memory are lost
    #[arg(long)]
    pub force: bool,
}

/// Stops the agent if it runs and starts this version of it, by default with the same settings.
///
/// Without `--force`, fails if accounts would be lost, or the agent's version cannot tell.
pub fn agent_restart(
    args: &RestartArgs,
    places: &Places,
    out: &mut dyn Write,
) -> Result<(), ClientError> {
    let mut settings = args.settings.clone();
    match report_if_running(places) {
        Ok(Some(running)) => {
            if !args.force {
                check_nothing_lost(&running, "opkssh agent restart")?;
            }
            fill_from(&mut settings, &running.agent, places);
        }
        Ok(None) => {}
        // every version understands a request to stop
        Err(ClientError::Version { .. }) if args.force => {}
        Err(error @ ClientError::Version { .. }) => {
            return Err(ClientError::new(
                format!("{error}: its settings and its logins in memory are unknown"),
                "if you can log in again afterwards: opkssh agent restart --force",
            ));
        }
        Err(error) => return Err(error),
    }
    stop_running(places)?;
    let agent = report(ensure_running_with(&settings, places)?)?.agent;
    // an agent that systemd starts has its unit's settings
    args.settings.check(&agent)?;
    let (version, pid) = (agent.version, agent.pid);
    let _ = writeln!(
        out,
        "The agent has restarted: version {version}, pid {pid}."
    );
    Ok(())
}

/// Fails if accounts are in this agent's memory only. `command` is what was typed.
pub(crate) fn check_nothing_lost(running: &StatusReport, command: &str) -> Result<(), ClientError> {
    let is_at_risk = |it: &&AccountStatus| it.store == "memory" || it.store_error.is_some();
    let shown = running.accounts.iter().filter(is_at_risk);
    // accounts that a locked agent does not show
    let hidden = running.agent.at_risk.iter().map(String::as_str);
    let accounts: BTreeSet<&str> = shown.map(|it| it.alias.as_str()).chain(hidden).collect();
    if accounts.is_empty() {
        return Ok(());
    }
    let accounts: Vec<&str> = accounts.into_iter().collect();
    Err(ClientError::new(
        format!(
            "{} would be lost: the login is in the agent's memory only",
            accounts.join(", ")
        ),
        format!(
            "if you can log in again afterwards: {command} --force; else wait, or unlock the keyring"
        ),
    ))
}

/// Takes each setting that is not given from a running agent.
fn fill_from(settings: &mut AgentSettings, agent: &AgentStatus, places: &Places) {
    let socket = Path::new(&agent.agent_socket);
    if settings.socket.is_none() && socket != places.agent_socket() {
        settings.socket = Some(socket.to_owned());
    }
    if settings.store.is_none() && !matches!(agent.store_wish.as_str(), "" | "auto") {
        settings.store = Some(agent.store_wish.clone());
    }
    settings.running.fill_from(agent);
}
