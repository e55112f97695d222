//! Runs another program for its output: no shell, no input, bounded output, a deadline.
//!
//! The program runs in its own process group, which is killed if the program does not end normally
//! or if this process dies first: sshd's signals do not reach that group.

use std::io::{self, PipeReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use fork::ProcessGroupGuard;
use rustix::process::{Pid, WaitId, WaitIdOptions, setpgid, waitid};

use crate::deadline::{Deadline, seconds};

/// Largest output of [`answer`], in bytes.
const MAX_OUTPUT: u64 = 8 * 1024 * 1024;
/// Part of a program's stderr that is kept for the log, in bytes.
const MAX_COMPLAINT: u64 = 500;
/// Time limit for the end of the group's guard.
const GUARD_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("cannot run {program}: {error}")]
    Start { program: String, error: io::Error },
    #[error("{program} did not answer within {} s", seconds(*deadline))]
    Deadline { program: String, deadline: Duration },
    #[error("{program} answered with more than {max} bytes")]
    Size { program: String, max: u64 },
    #[error("{program} failed ({status}): {complaint}")]
    Failed {
        program: String,
        status: String,
        complaint: String,
    },
}

/// Destination of a program's stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stderr {
    /// Included in the error message.
    Apart,
    WithStdout,
}

#[derive(Debug)]
pub struct ExitedProgram {
    pub status: ExitStatus,
    pub output: Vec<u8>,
    program: String,
    complaint: String,
}

impl ExitedProgram {
    /// Returns the output. Fails unless the exit status is 0.
    pub fn success(self) -> Result<Vec<u8>, ProcessError> {
        if self.status.success() {
            return Ok(self.output);
        }
        Err(ProcessError::Failed {
            program: self.program,
            status: self.status.to_string(),
            complaint: self.complaint,
        })
    }
}

/// Returns the first of these programs that is installed.
pub fn installed<'a>(paths: &[&'a str]) -> Option<&'a str> {
    paths.iter().copied().find(|path| Path::new(path).exists())
}

/// Returns a command that runs the first of these programs that is installed.
pub fn command(paths: &[&str]) -> Option<Command> {
    installed(paths).map(Command::new)
}

/// Runs `command` to its end and returns its stdout. Fails unless the exit status is 0.
pub fn answer(command: Command, timeout: Duration) -> Result<Vec<u8>, ProcessError> {
    run(command, Stderr::Apart, MAX_OUTPUT, Deadline::after(timeout))?.success()
}

/// Runs `command` to its end, and to the end of its output of at most `max` bytes.
///
/// At the deadline, a program that cannot be killed (sudo runs as root) is left behind with its
/// output closed. So is a program that has left the process group (`setsid`).
pub fn run(
    mut command: Command,
    stderr: Stderr,
    max: u64,
    deadline: Deadline,
) -> Result<ExitedProgram, ProcessError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |error| ProcessError::Start {
        program: program.clone(),
        error,
    };
    let given = deadline.remaining();
    let group = Group::new().map_err(failed)?;
    let (mut child, outputs) = start(&mut command, stderr, &group).map_err(failed)?;
    // closes our write ends, so that only the program has them open
    drop(command);
    let (sender, receiver) = mpsc::channel();
    let pid = Pid::from_child(&child);
    thread::spawn(move || {
        let _ = sender.send(outputs.collect(pid, max));
    });
    let collected = match receiver.recv_timeout(deadline.remaining()) {
        Err(_) => Err(ProcessError::Deadline {
            program: program.clone(),
            deadline: given,
        }),
        Ok(Err(error)) => Err(failed(error)),
        Ok(Ok((output, _))) if output.len() as u64 > max => Err(ProcessError::Size {
            program: program.clone(),
            max,
        }),
        Ok(Ok(collected)) => Ok(collected),
    };
    match collected {
        Ok((output, complaint)) => {
            group.release();
            Ok(ExitedProgram {
                status: child.wait().map_err(failed)?,
                output,
                program,
                complaint,
            })
        }
        Err(error) => {
            // kills the group
            drop(group);
            if child.kill().is_ok() {
                let _ = child.wait();
            }
            Err(error)
        }
    }
}

/// A process group that is killed with its owner: a helper process outside the owner's group waits
/// for the owner's end.
struct Group(ProcessGroupGuard);

impl Group {
    fn new() -> io::Result<Self> {
        let guard = ProcessGroupGuard::new()?;
        // sshd ends its own group with a signal, which the helper must survive
        let helper = Pid::from_raw(guard.guard_process().get());
        setpgid(helper, helper)?;
        Ok(Self(guard))
    }

    /// Ends the guard without killing background processes of the program.
    fn release(self) {
        let _ = self.0.disarm(GUARD_TIMEOUT);
    }
}

fn start(command: &mut Command, stderr: Stderr, group: &Group) -> io::Result<(Child, Outputs)> {
    let (stdout, writer) = io::pipe()?;
    let complaint = match stderr {
        Stderr::Apart => {
            let (complaint, writer) = io::pipe()?;
            command.stderr(writer);
            Some(complaint)
        }
        Stderr::WithStdout => {
            command.stderr(writer.try_clone()?);
            None
        }
    };
    let command = command.stdin(Stdio::null()).stdout(writer);
    let child = command
        .process_group(group.0.process_group().get())
        .spawn()?;
    Ok((child, Outputs { stdout, complaint }))
}

struct Outputs {
    stdout: PipeReader,
    complaint: Option<PipeReader>,
}

impl Outputs {
    /// Reads to the end and waits for the exit without reaping the child, so that its process id
    /// cannot be reused before the owner reaps it. More than `max` bytes also end the wait.
    fn collect(self, child: Pid, max: u64) -> io::Result<(Vec<u8>, String)> {
        let complaint = self.complaint;
        let complaint = thread::spawn(move || complaint.map(read_prefix).unwrap_or_default());
        let mut output = Vec::new();
        self.stdout.take(max + 1).read_to_end(&mut output)?;
        if output.len() as u64 > max {
            return Ok((output, String::new()));
        }
        waitid(
            WaitId::Pid(child),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        )?;
        Ok((output, complaint.join().unwrap_or_default()))
    }
}

/// Returns the beginning of the output; reads the rest, too, so that the writer never blocks.
fn read_prefix(mut stderr: impl Read) -> String {
    let mut text = Vec::new();
    let _ = (&mut stderr).take(MAX_COMPLAINT).read_to_end(&mut text);
    let _ = io::copy(&mut stderr, &mut io::sink());
    String::from_utf8_lossy(&text).trim().to_owned()
}

#[cfg(test)]
mod tests;
