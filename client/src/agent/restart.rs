//! `opkssh agent restart`.

use std::io::Write;
use std::path::Path;

use opkssh_protocol::control::AgentStatus;
use opkssh_protocol::places::Places;

use crate::agent::running::ensure_running_with;
use crate::agent::settings::AgentSettings;
use crate::agent::stop::{look_before_stop, stop_running};
use crate::error::ClientError;
use crate::status::report;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct RestartArgs {
    #[command(flatten)]
    pub settings: AgentSettings,
    /// Restart even if logins in the agent's memory are lost; they are revoked
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
    let command = args.settings.after("opkssh agent restart")?;
    if let Some(running) = look_before_stop(&command, args.force, places)? {
        fill_from(&mut settings, &running.agent, places);
    }
    let what = match stop_running(args.force, places, out)? {
        true => "restarted",
        false => "started",
    };
    let agent = report(ensure_running_with(&settings, places)?)?.agent;
    // an agent that systemd starts has its unit's settings
    args.settings.check(&agent)?;
    let (version, pid) = (agent.version, agent.pid);
    let _ = writeln!(out, "The agent has {what}: version {version}, pid {pid}.");
    Ok(())
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
