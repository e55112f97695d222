//! Opens the user's browser: `$BROWSER`, else the desktop's.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
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
pub fn open(url: &str, preferred: Option<&OsStr>) -> bool {
    // only a web address may reach a command line
    if !(url.starts_with("https://") || url.starts_with("http://")) {
        return false;
    }
    let commands = match preferred.filter(|list| !list.is_empty()) {
        Some(list) => list
            .as_bytes()
            .split(|byte| *byte == b':')
            .filter_map(|e| command(e, url))
            .collect(),
        None => open::commands(url),
    };
    commands.into_iter().any(start)
}

fn command(entry: &[u8], url: &str) -> Option<Command> {
    let mut replaced = false;
    let mut words = entry
        .split(|byte| byte.is_ascii_whitespace())
        .filter(|word| !word.is_empty())
        .map(|word| fill(word, url, &mut replaced))
        .collect::<Vec<OsString>>()
        .into_iter();
    let mut command = Command::new(words.next()?);
    command.args(words);
    if !replaced {
        command.arg(url);
    }
    Some(command)
}

/// Returns `word` with every `%s` replaced.
fn fill(word: &[u8], url: &str, replaced: &mut bool) -> OsString {
    let mut filled = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"%s") {
        filled.extend_from_slice(&rest[..at]);
        filled.extend_from_slice(url.as_bytes());
        rest = &rest[at + 2..];
        *replaced = true;
    }
    filled.extend_from_slice(rest);
    OsString::from_vec(filled)
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
    match started {
        Ok(mut browser) => {
            std::thread::spawn(move || browser.wait());
            true
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(entry: &str) -> Vec<String> {
        let command = command(entry.as_bytes(), "https://x/?a=b").unwrap();
        std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn the_url_is_appended_or_put_where_it_is_wanted() {
        assert_eq!(line("firefox"), ["firefox", "https://x/?a=b"]);
        assert_eq!(line("web --new %s"), ["web", "--new", "https://x/?a=b"]);
        assert_eq!(line("web --u=%s -x"), ["web", "--u=https://x/?a=b", "-x"]);
        assert!(command(b"  ", "https://x").is_none());
    }

    #[test]
    fn the_first_command_that_starts_is_used() {
        assert!(open(
            "https://x",
            Some(OsStr::new("/does/not/exist::/bin/true"))
        ));
        assert!(!open("https://x", Some(OsStr::new("/does/not/exist"))));
    }

    #[test]
    fn only_web_addresses_are_opened() {
        for url in ["--help", "file:///etc/passwd", "javascript:alert(1)", ""] {
            assert!(!open(url, Some(OsStr::new("/bin/true"))), "{url}");
        }
    }
}
