//! The account that verify runs as (a system account without home or shell, with a group of the same
//! name), and systemd operations on machines that run it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::account;
use crate::admin_error::AdminError;
use crate::process;

const TIMEOUT: Duration = Duration::from_secs(60);
const TIMER: &str = "opkssh-cache.timer";
/// sshd's service: `ssh` in Debian, `sshd` elsewhere.
const SERVICES: [&str; 2] = ["ssh.service", "sshd.service"];

/// Enables and starts the timer that refreshes the key cache.
pub fn start_timer(rehearsal: bool, say: &mut dyn FnMut(&str)) {
    const COMMANDS: [&[&str]; 2] = [&["daemon-reload"], &["enable", "--now", TIMER]];
    if !runs_the_machine() {
        return say(
            "systemd does not run this machine: let something else run, every 20 minutes: \
                    opkssh server cache refresh",
        );
    }
    for command in COMMANDS {
        systemctl(command, rehearsal, say);
    }
}

pub fn stop_timer(say: &mut dyn FnMut(&str)) {
    if runs_the_machine() {
        systemctl(&["disable", "--now", TIMER], false, say);
    }
}

/// Reloads the running sshd after its configuration was checked. Open sessions continue.
pub fn reload_sshd(rehearsal: bool, say: &mut dyn FnMut(&str)) {
    let active = SERVICES
        .into_iter()
        .find(|service| runs_the_machine() && answers(&["--quiet", "is-active", service]));
    match active {
        Some(service) => systemctl(&["reload", service], rehearsal, say),
        None => say(
            "sshd is not run by systemd here, or does not run: make it read its \
                     configuration (SIGHUP).",
        ),
    }
}

fn runs_the_machine() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Runs systemctl, or in a dry run says so. A failure is reported but undoes nothing: all files are
/// complete by then.
fn systemctl(words: &[&str], rehearsal: bool, say: &mut dyn FnMut(&str)) {
    let line = words.join(" ");
    if rehearsal {
        return say(&format!("Would run: systemctl {line}"));
    }
    match process::answer(command(words), TIMEOUT) {
        Ok(_) => say(&format!("Done: systemctl {line}")),
        Err(error) => say(&format!("Failed: systemctl {line}: {error}")),
    }
}

fn answers(words: &[&str]) -> bool {
    process::answer(command(words), TIMEOUT).is_ok()
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new("systemctl");
    command.args(words);
    command
}

/// Uid of an account, and gid of the group with the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
}

/// Finds or creates the account. `None`: it is missing in a dry run.
pub fn ensure_account(
    name: &str,
    rehearsal: bool,
    say: &mut dyn FnMut(&str),
) -> Result<Option<Identity>, AdminError> {
    if let Some(identity) = identity_of(name) {
        say(&format!("Account {name} exists."));
        return Ok(Some(identity));
    }
    if rehearsal {
        say(&format!("Would make the system account and group {name}."));
        return Ok(None);
    }
    if account::find_group(name).is_none() {
        let tool = ["/usr/sbin/groupadd", "/sbin/groupadd"];
        run(name, &tool, &["--system", name])?;
    }
    if account::find(name).is_err() {
        let nologin = process::installed(&["/usr/sbin/nologin", "/sbin/nologin"]);
        let shell = nologin.unwrap_or("/bin/false");
        let home = ["--home-dir", "/nonexistent", "--no-create-home"];
        let rest = ["--system", "--gid", name, "--shell", shell, name];
        let tool = ["/usr/sbin/useradd", "/sbin/useradd"];
        run(name, &tool, &[&home[..], &rest[..]].concat())?;
    }
    say(&format!("Made the system account and group {name}."));
    identity_of(name).map(Some).ok_or_else(|| not_made(name))
}

fn not_made(name: &str) -> AdminError {
    AdminError::new(format!(
        "{name} is not an account or group that can be made here"
    ))
}

/// Returns uid and gid of an account and the group with its name.
pub fn identity_of(name: &str) -> Option<Identity> {
    Some(Identity {
        uid: account::find(name).ok()?.uid,
        gid: account::find_group(name)?,
    })
}

fn run(name: &str, tool: &[&str], words: &[&str]) -> Result<(), AdminError> {
    let mut command = process::command(tool).ok_or_else(|| not_made(name))?;
    command.args(words);
    process::answer(command, TIMEOUT).map_err(AdminError::new)?;
    Ok(())
}
