//! `opkssh agent run`: turns the client's agent settings into the agent's own.

use clap::{Args, ValueEnum};
use opkssh_agent::RunArgs;
use opkssh_client::{AgentSettings, RunningSettings};

use crate::report::CommandFailure;

#[derive(Debug, Clone, Default, Args)]
pub struct AgentRunArgs {
    #[command(flatten)]
    pub settings: AgentSettings,
    /// Leave the terminal, as an agent that another command starts
    #[arg(long, hide = true)]
    pub detached: bool,
}

impl TryFrom<AgentRunArgs> for RunArgs {
    type Error = CommandFailure;

    fn try_from(args: AgentRunArgs) -> Result<Self, CommandFailure> {
        let AgentSettings {
            socket,
            store,
            running,
        } = args.settings;
        let RunningSettings {
            idle_stop,
            lifetime,
            memory_lock,
            log_level,
        } = running;
        Ok(Self {
            socket,
            store: value(store.as_deref())?,
            memory_lock: value(memory_lock.as_deref())?,
            idle_stop: idle_stop.map(Into::into),
            lifetime: lifetime.map(Into::into),
            log_level: value(log_level.as_deref())?,
            detached: args.detached,
        })
    }
}

/// Returns the value with this name, by default `V`'s default.
fn value<V: ValueEnum + Default>(name: Option<&str>) -> Result<V, CommandFailure> {
    match name {
        Some(name) => V::from_str(name, false).map_err(|error| CommandFailure::new(error, None)),
        None => Ok(V::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<V: ValueEnum>(_: V) -> Vec<String> {
        let values = V::value_variants().iter();
        let values = values.filter_map(ValueEnum::to_possible_value);
        values.map(|value| value.get_name().to_owned()).collect()
    }

    #[test]
    fn the_command_line_has_exactly_the_agents_values() {
        let defaults = RunArgs::default();
        let command = AgentRunArgs::augment_args(clap::Command::new("run"));
        for (option, mut agents) in [
            ("store", names(defaults.store)),
            ("memory_lock", names(defaults.memory_lock)),
            ("log_level", names(defaults.log_level)),
        ] {
            let argument = command.get_arguments().find(|arg| arg.get_id() == option);
            let values = argument.unwrap().get_possible_values();
            let mut values: Vec<_> = values.iter().map(|v| v.get_name().to_owned()).collect();
            values.sort();
            agents.sort();
            assert_eq!(values, agents, "{option}");
        }
    }
}
