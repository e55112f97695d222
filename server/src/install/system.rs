//! systemd operations, on machines that run it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::process;

const DEADLINE: Duration = Duration::from_secs(60);
const TIMER: &str = "opkssh-cache.timer";
/// sshd's service: `ssh` in Debian, `sshd` elsewhere.
const SERVICES: [&str; 2] = ["ssh.service", "sshd.service"];

/// Enables and starts the timer that refreshes the key cache.
pub fn start_timer(say: &mut dyn FnMut(&str)) {
    const COMMANDS: [&[&str]; 2] = [&["daemon-reload"], &["enable", "--now", TIMER]];
    if !runs_the_machine() {
        return say(
            "systemd does not run this machine: let something else run, every 20 minutes: \
                    opkssh server cache refresh",
        );
    }
    for command in COMMANDS {
        systemctl(command, say);
    }
}

/// Undoes [`start_timer`].
pub fn stop_timer(say: &mut dyn FnMut(&str)) {
    if runs_the_machine() {
        systemctl(&["disable", "--now", TIMER], say);
    }
}

/// Reloads the running sshd after its configuration was checked. Open sessions continue.
pub fn reload_sshd(say: &mut dyn FnMut(&str)) {
    let active = SERVICES
        .into_iter()
        .find(|service| runs_the_machine() && answers(&["--quiet", "is-active", service]));
    match active {
        Some(service) => systemctl(&["reload", service], say),
        None => say(
            "sshd is not run by systemd here, or does not run: make it read its \
                     configuration (SIGHUP).",
        ),
    }
}

fn runs_the_machine() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Runs systemctl. A failure is reported but undoes nothing: all files are complete by then.
fn systemctl(words: &[&str], say: &mut dyn FnMut(&str)) {
    let line = words.join(" ");
    match process::answer(command(words), DEADLINE) {
        Ok(_) => say(&format!("Done: systemctl {line}")),
        Err(error) => say(&format!("Failed: systemctl {line}: {error}")),
    }
}

fn answers(words: &[&str]) -> bool {
    process::answer(command(words), DEADLINE).is_ok()
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new("systemctl");
    command.args(words);
    command
}
