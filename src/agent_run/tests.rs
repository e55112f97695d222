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
