//! `opkssh agent run`: turns the client's agent settings into the agent's own.

use clap::{Args, ValueEnum};
use opkssh_agent::RunArgs;
use opkssh_client::AgentSettings;
use opkssh_protocol::places::Places;

use crate::report::CommandFailure;

#[derive(Debug, Clone, Default, Args)]
pub struct AgentRunArgs {
    #[command(flatten)]
    pub settings: AgentSettings,
    /// Leave the terminal, as an agent that another command starts
    #[arg(long, hide = true)]
    pub detached: bool,
}

impl AgentRunArgs {
    /// Returns the paths of the agent, from those of the user's own, and its settings.
    pub fn into_agents(self, places: &Places) -> Result<(Places, RunArgs), CommandFailure> {
        let (settings, places) = self.settings.of_agent(places)?;
        let running = settings.running;
        let args = RunArgs {
            store: value(settings.store)?,
            memory_lock: value(running.memory_lock)?,
            idle_stop: running.idle_stop,
            lifetime: running.lifetime,
            log_level: value(running.log_level)?,
            detached: self.detached,
            ends_with: settings.ends_with,
        };
        Ok((places, args))
    }
}

/// Returns the value with this name, by default `V`'s default.
fn value<V: ValueEnum + Default>(name: Option<String>) -> Result<V, CommandFailure> {
    let value = name.map(|name| V::from_str(&name, false)).transpose();
    let value = value.map_err(|error| CommandFailure::new(error, None))?;
    Ok(value.unwrap_or_default())
}

#[cfg(test)]
mod tests;
