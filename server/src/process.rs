//! Running another program for its answer: no shell, no input, bounded output, a deadline.

use std::io::{self, Read};
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// Largest answer, in bytes.
const MAX_OUTPUT: u64 = 8 * 1024 * 1024;
/// Of what a program complains about, as much as fits into a log line.
const MAX_COMPLAINT: u64 = 500;

#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("cannot run {program}: {error}")]
    Start { program: String, error: io::Error },
    #[error("{program} did not answer within {} s", deadline.as_secs())]
    Deadline { program: String, deadline: Duration },
    #[error("{program} answered with more than {MAX_OUTPUT} bytes")]
    Size { program: String },
    #[error("{program} failed ({status}): {complaint}")]
    Failed {
        program: String,
        status: String,
        complaint: String,
    },
}

/// Runs `command` to its end and returns its stdout; only exit status 0 counts.
///
/// A program that cannot be killed (sudo runs as root) is left behind at the deadline; its output
/// has nowhere to go any more.
pub fn answer(mut command: Command, deadline: Duration) -> Result<Vec<u8>, ProcessError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let start = |error| ProcessError::Start {
        program: program.clone(),
        error,
    };
    let until = Instant::now() + deadline;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(start)?;
    let (sender, receiver) = mpsc::channel();
    let outputs = (child.stdout.take(), child.stderr.take());
    let pid = child.id();
    thread::spawn(move || {
        let _ = sender.send(collect(pid, outputs));
    });
    let Ok(collected) = receiver.recv_timeout(until.saturating_duration_since(Instant::now()))
    else {
        if child.kill().is_ok() {
            let _ = child.wait();
        }
        return Err(ProcessError::Deadline { program, deadline });
    };
    let (output, complaint) = collected.map_err(start)?;
    let status = child.wait().map_err(start)?;
    if !status.success() {
        return Err(ProcessError::Failed {
            program,
            status: status.to_string(),
            complaint,
        });
    }
    if output.len() as u64 > MAX_OUTPUT {
        return Err(ProcessError::Size { program });
    }
    Ok(output)
}

type Outputs = (Option<ChildStdout>, Option<ChildStderr>);

/// Reads to the end and waits for the exit, but leaves the child unreaped: until its owner does
/// that, its number cannot become another process's.
fn collect(pid: u32, (stdout, stderr): Outputs) -> io::Result<(Vec<u8>, String)> {
    let complaint = thread::spawn(move || stderr.map(first_words).unwrap_or_default());
    let mut output = Vec::new();
    if let Some(stdout) = stdout {
        stdout.take(MAX_OUTPUT + 1).read_to_end(&mut output)?;
    }
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        )?;
    }
    Ok((output, complaint.join().unwrap_or_default()))
}

/// The beginning; the rest is read too, so that the writer never blocks.
fn first_words(mut stderr: impl Read) -> String {
    let mut text = Vec::new();
    let _ = (&mut stderr).take(MAX_COMPLAINT).read_to_end(&mut text);
    let _ = io::copy(&mut stderr, &mut io::sink());
    String::from_utf8_lossy(&text).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn stdout_only_and_only_on_success() {
        assert_eq!(
            answer(shell("echo yes; echo no >&2"), LONG).unwrap(),
            b"yes\n"
        );
        let error = answer(shell("echo yes; echo why >&2; exit 3"), LONG).unwrap_err();
        assert!(error.to_string().contains("why"), "{error}");
    }

    #[test]
    fn stdin_is_empty() {
        assert_eq!(answer(Command::new("/bin/cat"), LONG).unwrap(), b"");
    }

    #[test]
    fn a_program_that_hangs_is_given_up() {
        let error = answer(shell("exec sleep 1000"), Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, ProcessError::Deadline { .. }));
    }

    #[test]
    fn endless_output_is_given_up() {
        let error = answer(shell("exec cat /dev/zero"), LONG).unwrap_err();
        assert!(
            matches!(
                error,
                ProcessError::Failed { .. } | ProcessError::Size { .. }
            ),
            "{error}"
        );
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let error = answer(Command::new("/nonexistent"), LONG).unwrap_err();
        assert!(matches!(error, ProcessError::Start { .. }));
    }
}
