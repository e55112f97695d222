//! The files of `server install` and `server uninstall`, with one module per kind.

mod item;
mod preflight;
mod sshd;
mod system;
pub mod tokens;

pub use item::{InstallItem, Kind, remove_ours, written_by_us};
pub use preflight::{bad_fallback, check_as_account, check_program_owner, grant_access};
pub use sshd::{Sshd, SshdSettings, SshdState, refusals};
pub use system::{Identity, ensure_account, identity_of, reload_sshd, start_timer, stop_timer};

use crate::admin_error::AdminError;
use crate::etc::ACCOUNT;
use crate::process::ProcessError;
use crate::settings::Settings;

/// First line of files that opkssh may replace and remove.
pub const MARK: &str =
    "# Written by `opkssh server install`; `opkssh server uninstall` removes it.\n";

pub(crate) fn not_root(command: &str) -> AdminError {
    let command = format!("sudo opkssh server {command}");
    AdminError::new("must be run as root").hinting(format!(
        "run: {command}; to see what it would do: {command} --dry-run"
    ))
}

/// Names what a dry run without root could not look at.
pub(crate) fn say_hidden(hidden: &[String], say: &mut dyn FnMut(&str)) {
    if !hidden.is_empty() {
        say(&format!(
            "Not looked at without root: {}",
            hidden.join(", ")
        ));
    }
}

/// sshd's configuration had an error before anything was changed.
pub(crate) fn refused_before(error: ProcessError) -> AdminError {
    AdminError::new(format!(
        "sshd's configuration has an error, and nothing was changed: {error}"
    ))
    .hinting("run: sudo sshd -t")
}

/// sshd runs another program.
pub(crate) fn other_command(command: &str) -> AdminError {
    let hint = match as_fallback(command) {
        Ok(line) => format!(
            "name it in /etc/opk/server.yml, and take the lines AuthorizedKeysCommand and \
             AuthorizedKeysCommandUser out of sshd's configuration: {line}"
        ),
        Err(reason) => format!(
            "As it is it cannot be the fallback in /etc/opk/server.yml: {reason}. Put it into a \
             script, name that there, and take the lines AuthorizedKeysCommand and \
             AuthorizedKeysCommandUser out of sshd's configuration"
        ),
    };
    AdminError::new(format!(
        "sshd runs another AuthorizedKeysCommand already: {command}"
    ))
    .hinting(hint)
}

/// Fails unless sshd runs verify as its account: another user could not read the files or use the
/// key cache.
pub(crate) fn check_sshd_account(command: &str, user: Option<&str>) -> Result<(), AdminError> {
    if user == Some(ACCOUNT) {
        return Ok(());
    }
    let user = user.unwrap_or("nobody in particular");
    Err(AdminError::new(format!(
        "sshd runs {command} as {user}, and that must be {ACCOUNT}"
    ))
    .hinting(format!(
        "see to it that the first of each that sshd reads are the lines AuthorizedKeysCommand \
         /usr/local/bin/opkssh verify %u %k %t and AuthorizedKeysCommandUser {ACCOUNT}; where \
         they are: sudo grep -ri authorizedkeyscommand /etc/ssh/sshd_config /etc/ssh/sshd_config.d"
    )))
}

/// Returns the line of `server.yml` that replaces an AuthorizedKeysCommand. The words are quoted,
/// because `%` starts a YAML directive.
fn as_fallback(command: &str) -> Result<String, String> {
    if command.contains(['"', '\'', '\\']) {
        return Err("it has quotes or backslashes".to_owned());
    }
    let words: Vec<&str> = command.split_whitespace().collect();
    let words = serde_json::to_string(&words).map_err(|error| error.to_string())?;
    let line = format!("fallback: {{command: {words}}}");
    Settings::parse(line.as_bytes()).map(|_| line)
}

#[cfg(test)]
mod tests;
