//! `opkssh agent start`.

use std::io::Write;

use opkssh_protocol::places::Places;

use crate::agent::env::{EnvArgs, variables};
use crate::agent::running::ensure_running_with;
use crate::agent::settings::AgentSettings;
use crate::answer::AgentReply;
use crate::error::ClientError;
use crate::status::report;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct StartArgs {
    #[command(flatten)]
    pub settings: AgentSettings,
    #[command(flatten)]
    pub shell: EnvArgs,
    /// Print the result as JSON in place of the variables
    #[arg(long, conflicts_with_all = ["sh", "csh", "fish"])]
    pub json: bool,
}

/// Starts the agent if needed and prints its variables for a shell. Fails if an agent with other
/// settings runs.
pub fn agent_start(
    args: &StartArgs,
    places: &Places,
    out: &mut dyn Write,
) -> Result<AgentReply, ClientError> {
    let (settings, places) = &args.settings.of_agent(places)?;
    let running = ensure_running_with(settings, places).and_then(report);
    let agent = running.map_err(|error| error.of_agent(places))?.agent;
    settings.check(&agent, places)?;
    let pid = agent.pid;
    if !args.json {
        let lines = variables(&args.shell, &places.agent_socket(), Some(pid));
        let _ = writeln!(out, "{lines}echo Agent pid {pid};").and_then(|()| out.flush());
    }
    let reason = format!("The agent runs: version {}, pid {pid}.", agent.version);
    Ok(AgentReply::done(reason, Some(agent)))
}
