//! Opens the user's browser: `$BROWSER`, else the desktop's.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::configuration::Environment;
use crate::error::ClientError;

/// Opens `url` in a browser, for the agent, which runs this command in the user's session.
pub fn agent_browse(url: &str) -> Result<(), ClientError> {
    match open(url, Environment::of_process().browser.as_deref(), || ()) {
        true => Ok(()),
        false => Err(ClientError::new(
            "no browser could be started",
            "name one: BROWSER=firefox opkssh login",
        )),
    }
}

/// Opens `url` without waiting for the browser; returns false if no command could be started.
/// `preferred` is `$BROWSER`: commands separated by colons, of which the first that starts and does
/// not fail is used. `%s` stands for the URL, which is else appended. Calls `failed`, on a thread of
/// its own, if each that started has failed.
pub fn open(url: &str, preferred: Option<&str>, failed: impl FnOnce() + Send + 'static) -> bool {
    // only a web address may reach a command line
    if !(url.starts_with("https://") || url.starts_with("http://")) {
        return false;
    }
    let commands = match preferred.filter(|list| !list.is_empty()) {
        Some(list) => list
            .split(':')
            .filter_map(|entry| command(entry, url))
            .collect::<Vec<_>>(),
        None => open::commands(url),
    };
    let mut browsers = commands.into_iter().filter_map(start);
    let Some(mut browser) = browsers.next() else {
        return false;
    };
    std::thread::spawn(move || {
        while !browser.wait().is_ok_and(|status| status.success()) {
            match browsers.next() {
                Some(next) => browser = next,
                None => return failed(),
            }
        }
    });
    true
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
fn start(mut command: Command) -> Option<Child> {
    let started = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    started.ok()
}

#[cfg(test)]
mod tests;
