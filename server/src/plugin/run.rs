//! Runs plugins: without a shell or input, with a fixed environment and a deadline.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use opkssh_protocol::printable::quoted;

use super::load::Plugin;
use super::{Plugins, Variables};
use crate::deadline::Deadline;
use crate::log::Log;
use crate::process::{self, Stderr};

/// Longest answer, in bytes.
const MAX_ANSWER: u64 = 64 * 1024;
/// Variables inherited by plugins: those that sshd gives its commands.
const INHERITED: [&str; 7] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ"];

impl Plugins {
    /// Time limit for all plugins together, well within sshd's LoginGraceTime.
    pub const TIMEOUT: Duration = Duration::from_secs(30);

    /// Runs every plugin in order, even after one allowed; returns the name of the first that
    /// allowed. A plugin allows by printing `allow` to stdout, nothing else there or to stderr, and
    /// exiting with status 0. `env_vars` are those of the server configuration.
    pub fn ask(
        &self,
        variables: &Variables,
        env_vars: &BTreeMap<String, String>,
        deadline: Deadline,
        log: &Log,
    ) -> Option<&str> {
        let mut first = None;
        for plugin in &self.all {
            let name = plugin.description.name.as_str();
            let mut command = command(plugin);
            command
                .envs(env_vars)
                .envs(variables.with(&plugin.description));
            match run_plugin(command, deadline) {
                Ok(()) => {
                    log.line(&format!("plugin {name:?} allows"));
                    first = first.or(Some(name));
                }
                Err(why) => log.line(&format!("plugin {name:?} does not allow: {why}")),
            }
        }
        first
    }
}

fn command(plugin: &Plugin) -> Command {
    let mut command = Command::new(&plugin.program);
    command
        .arg0(&plugin.description.program)
        .args(&plugin.description.arguments)
        .env_clear();
    for name in INHERITED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

fn run_plugin(command: Command, deadline: Deadline) -> Result<(), String> {
    let ended = process::run(command, Stderr::WithStdout, MAX_ANSWER, deadline)
        .map_err(|error| error.to_string())?;
    match (ended.output.trim_ascii(), ended.status) {
        (b"allow", status) if status.success() => Ok(()),
        (b"allow", status) => Err(format!("it said \"allow\", but failed ({status})")),
        (other, status) => {
            let words = String::from_utf8_lossy(other);
            Err(format!("it said {} ({status})", quoted(&words)))
        }
    }
}

#[cfg(test)]
mod tests;
