//! `opkssh agent restart`.

use std::io::Write;
use std::path::Path;

use opkssh_protocol::control::{AgentStatus, StatusReport};
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
/// Without `--force`, fails with [`ClientError::LoginsAtRisk`] if accounts would be lost, and with
/// [`ClientError::UncheckedRestart`] if the agent's version cannot tell.
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
        Err(ClientError::Version { agent }) => {
            return Err(ClientError::UncheckedRestart { agent });
        }
        Err(error) => return Err(error),
    }
    stop_running(places)?;
    let agent = report(ensure_running_with(&settings, places)?)?.agent;
    // an agent that systemd starts has its unit's settings
    args.settings.check(&agent)?;
    let _ = writeln!(
        out,
        "The agent has restarted: version {}, pid {}.",
        agent.version, agent.pid
    );
    Ok(())
}

/// Fails with [`ClientError::LoginsAtRisk`] if accounts are in this agent's memory only.
pub(crate) fn check_nothing_lost(
    running: &StatusReport,
    command: &'static str,
) -> Result<(), ClientError> {
    let shown = running
        .accounts
        .iter()
        .filter(|account| account.store == "memory" || account.store_error.is_some());
    let mut accounts: Vec<String> = shown.map(|account| account.alias.clone()).collect();
    // accounts that a locked agent does not show
    let hidden = running.agent.at_risk.iter().cloned();
    accounts.extend(hidden);
    accounts.sort();
    accounts.dedup();
    if accounts.is_empty() {
        Ok(())
    } else {
        Err(ClientError::LoginsAtRisk { accounts, command })
    }
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
