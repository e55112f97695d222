//! Asking a plugin: no shell, no input, an environment of our making, a deadline.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use opkssh_protocol::printable::quoted;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::load::Plugin;
use super::{Plugins, Variables};
use crate::log::Log;

/// For all of them together; sshd's LoginGraceTime is running.
const DEADLINE: Duration = Duration::from_secs(30);
/// More than this is no answer.
const MAX_ANSWER: u64 = 64 * 1024;
/// What a plugin finds of our own environment: what sshd gives its commands.
const INHERITED: [&str; 7] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ"];

impl Plugins {
    /// Runs every plugin, one after the other, also those behind one that said yes; returns the
    /// name of the first that did. A yes is `allow` on stdout, nothing else there or on stderr,
    /// and exit status 0. `env_vars` are those of the server configuration.
    pub fn ask(
        &self,
        variables: &Variables,
        env_vars: &BTreeMap<String, String>,
        log: &Log,
    ) -> Option<&str> {
        self.ask_until(variables, env_vars, log, Instant::now() + DEADLINE)
    }

    fn ask_until(
        &self,
        variables: &Variables,
        env_vars: &BTreeMap<String, String>,
        log: &Log,
        until: Instant,
    ) -> Option<&str> {
        let mut first = None;
        for plugin in &self.all {
            let name = plugin.description.name.as_str();
            let mut command = command(plugin);
            command
                .envs(env_vars)
                .envs(variables.with(&plugin.description));
            match says_yes(command, until) {
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
        .arg0(plugin.description.program())
        .args(plugin.description.arguments())
        .env_clear();
    for name in INHERITED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

fn says_yes(command: Command, until: Instant) -> Result<(), String> {
    let mut running = Running::start(command).map_err(|error| format!("cannot run it: {error}"))?;
    let answer = running
        .answer
        .recv_timeout(until.saturating_duration_since(Instant::now()))
        .map_err(|_| "it did not answer in time".to_owned())?
        .map_err(|error| error.to_string())?;
    if answer.len() as u64 > MAX_ANSWER {
        return Err(format!("it answered with more than {MAX_ANSWER} bytes"));
    }
    let status = running.end().map_err(|error| error.to_string())?;
    match (answer.trim_ascii(), status.success()) {
        (b"allow", true) => Ok(()),
        (b"allow", false) => Err(format!("it said \"allow\", but failed ({status})")),
        (other, _) => {
            let words = String::from_utf8_lossy(other);
            Err(format!("it said {} ({status})", quoted(&words)))
        }
    }
}

/// A plugin at work. One that did not end by itself is killed, with what it started.
struct Running {
    child: Child,
    ended: bool,
    answer: mpsc::Receiver<io::Result<Vec<u8>>>,
}

impl Running {
    fn start(mut command: Command) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let child = command
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .spawn()?;
        // our ends for writing close with it: the plugin's are the last
        drop(command);
        let (sender, answer) = mpsc::channel();
        let pid = pid(&child);
        thread::spawn(move || {
            let _ = sender.send(collect(reader, pid));
        });
        Ok(Self {
            child,
            ended: false,
            answer,
        })
    }

    fn end(&mut self) -> io::Result<ExitStatus> {
        self.ended = true;
        self.child.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // not reaped yet, so the number is still its own
        if !self.ended
            && let Some(pid) = pid(&self.child)
        {
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Reads to the end and waits for the exit, but leaves the child unreaped.
fn collect(reader: io::PipeReader, pid: Option<Pid>) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    reader.take(MAX_ANSWER + 1).read_to_end(&mut answer)?;
    if let Some(pid) = pid
        && answer.len() as u64 <= MAX_ANSWER
    {
        waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        )?;
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(script: &str, deadline: Duration) -> Result<(), String> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        says_yes(command, Instant::now() + deadline)
    }

    #[test]
    fn row_119_allow_alone_and_success_is_a_yes() {
        let long = Duration::from_secs(60);
        for script in ["echo allow", "printf '\\n allow\\t\\n'", "echo allow >&2"] {
            assert_eq!(answer(script, long), Ok(()), "{script}");
        }
        for (script, why) in [
            ("echo ALLOW", "said \"ALLOW\""),
            ("echo allow; echo warning >&2", "said \"allow\\nwarning\""),
            ("echo allow; exit 3", "but failed (exit status: 3)"),
            ("echo deny", "said \"deny\""),
            ("true", "said \"\""),
            ("exec cat /dev/zero", "more than"),
            ("cat", "said \"\""), // nothing on stdin
        ] {
            let error = answer(script, long).unwrap_err();
            assert!(error.contains(why), "{script}: {error}");
        }
    }

    #[test]
    fn row_118_a_plugin_that_hangs_is_ended_with_what_it_started() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut command = Command::new("/bin/sh");
        // what it starts holds our pipe open as its stdin, until it is gone
        command.args(["-c", "sleep 1000 <&0 & wait"]);
        let mut running = Running::start(command).unwrap();
        assert!(running.child.try_wait().unwrap().is_none());
        drop(running);
        drop(writer);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).unwrap();

        let error = answer("sleep 1000 & wait", Duration::from_millis(50)).unwrap_err();
        assert!(error.contains("in time"), "{error}");
    }

    #[test]
    fn what_it_leaves_running_does_not_keep_it_from_answering() {
        let quiet = "sleep 1 >/dev/null 2>&1 & echo allow";
        assert_eq!(answer(quiet, Duration::from_secs(60)), Ok(()));
    }

    #[test]
    fn a_program_that_cannot_be_run() {
        let error = says_yes(Command::new("/nonexistent"), Instant::now()).unwrap_err();
        assert!(error.starts_with("cannot run it"), "{error}");
    }
}
