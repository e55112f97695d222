//! Opens the user's browser: `$BROWSER`, else the desktop's.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::configuration::Environment;
use crate::error::ClientError;

/// Opens `url` in a browser, for the agent, which runs this command in the user's session.
pub fn agent_browse(url: &str) -> Result<(), ClientError> {
    match open(url, Environment::of_process().browser.as_deref()) {
        true => Ok(()),
        false => Err(ClientError::new(
            "no browser could be started",
            "name one: BROWSER=firefox opkssh login",
        )),
    }
}

/// Opens `url` without waiting for the browser; returns false if no command could be started.
/// `preferred` is `$BROWSER`: commands separated by colons, of which the first that starts is used.
/// `%s` stands for the URL, which is else appended.
pub fn open(url: &str, preferred: Option<&str>) -> bool {
    // only a web address may reach a command line
    if !(url.starts_with("https://") || url.starts_with("http://")) {
        return false;
    }
    let commands = match preferred.filter(|list| !list.is_empty()) {
        Some(list) => list
            .split(':')
            .filter_map(|entry| command(entry, url))
            .collect(),
        None => open::commands(url),
    };
    commands.into_iter().any(start)
}

fn command(entry: &str, url: &str) -> Option<Command> {
    let mut words = entry
        .split_ascii_whitespace()
        .map(|word| word.replace("%s", url));
    let mut command = Command::new(words.next()?);
    command.args(words);
    if !entry.contains("%s") {
        command.arg(url);
    }
    Some(command)
}

/// Starts a browser in a process group of its own, so that Ctrl-C does not end it, and without
/// stdin, which may be ssh's.
fn start(mut command: Command) -> bool {
    let started = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    started.is_ok_and(|mut browser| {
        std::thread::spawn(move || browser.wait());
        true
    })
}

#[cfg(test)]
mod tests;
