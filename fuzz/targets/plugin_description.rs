//! A plugin's file, `policy.d/NAME.yml`.

use opkssh_server::plugin::Description;

pub fn run(bytes: &[u8]) {
    let Ok(plugin) = Description::parse(bytes) else {
        return;
    };
    assert!(!plugin.name.is_empty());
    assert!(plugin.program.starts_with('/'));
    assert!(plugin.arguments.len() < plugin.command.len());
}
