//! What verify needs and cannot do any more once it is confined: running sudo, plugins and the
//! fallback command. A process of its own does that, which has parsed nothing that a stranger sent;
//! sshd calls its own one the monitor.
//!
//! It is started before, with the words that sshd gave to verify. After that, a question is one
//! line of JSON on its stdin and the answer is one on its stdout. It ends with its stdin.

use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ask_plugins;
use super::fallback;
use super::verify::{VerifyArgs, keep_place_of_panic};
use crate::confine;
use crate::error::ServerError;
use crate::home::{self, HomeError};
use crate::log::Log;
use crate::plugin::Variables;

/// Longest line, in bytes.
const MAX_LINE: u64 = 64 * 1024 * 1024;

/// Who does what verify itself may not do.
pub(super) enum Outside {
    /// Verify itself, which is not confined.
    Here,
    Monitor(Monitor),
    /// Nobody, for this reason.
    Nobody(String),
}

/// A process that waits for questions.
pub(super) struct Monitor {
    /// None once it has broken off: then it is not waited for.
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    process: Child,
}

#[derive(Serialize, Deserialize)]
enum Question {
    HomePolicy,
    Plugins(Variables),
    Fallback,
}

/// A user's own policy file.
#[derive(Serialize, Deserialize)]
pub(super) struct HomePolicy {
    /// Where it is, for the log.
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

/// Why there is none.
#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct NoHomePolicy {
    pub reason: String,
    /// Most people have none.
    pub is_absent: bool,
}

impl From<HomeError> for NoHomePolicy {
    fn from(error: HomeError) -> Self {
        Self {
            reason: error.to_string(),
            is_absent: matches!(&error, HomeError::File(error) if error.is_not_found()),
        }
    }
}

impl Outside {
    /// Starts a monitor. Without one, who is let in by the system's files is let in.
    pub fn start(args: &VerifyArgs, log: &Log) -> Self {
        match Monitor::start(args) {
            Ok(monitor) => Self::Monitor(monitor),
            Err(error) => {
                let reason = format!("the monitor does not start: {error}");
                log.line(&format!("warning: {reason}"));
                Self::Nobody(reason)
            }
        }
    }

    /// The file of the account that sshd asks about.
    pub fn home_policy(&mut self, args: &VerifyArgs) -> Result<HomePolicy, NoHomePolicy> {
        if matches!(self, Self::Here) {
            return home_policy(args);
        }
        self.ask(&Question::HomePolicy).unwrap_or_else(|reason| {
            Err(NoHomePolicy {
                reason,
                is_absent: false,
            })
        })
    }

    /// The name of the first plugin that says yes.
    pub fn ask_plugins(
        &mut self,
        args: &VerifyArgs,
        variables: Variables,
        log: &Log,
    ) -> Option<String> {
        if matches!(self, Self::Here) {
            return ask_plugins::ask(args, &variables, log);
        }
        self.ask(&Question::Plugins(variables))
            .unwrap_or_else(|reason| {
                log.line(&format!("warning: plugins are not asked: {reason}"));
                None
            })
    }

    /// What the fallback command prints.
    pub fn ask_fallback(&mut self, args: &VerifyArgs, log: &Log) -> Result<Vec<u8>, String> {
        if matches!(self, Self::Here) {
            return fallback::ask(args, log);
        }
        self.ask(&Question::Fallback).unwrap_or_else(Err)
    }

    fn ask<A: DeserializeOwned>(&mut self, question: &Question) -> Result<A, String> {
        let asked = match self {
            Self::Monitor(monitor) => monitor.ask(question),
            Self::Nobody(reason) => return Err(reason.clone()),
            Self::Here => return Err("not confined".to_owned()),
        };
        asked.map_err(|error| {
            // what else comes from it would be the answer to something else
            let reason = format!("the monitor does not answer: {error}");
            if let Self::Monitor(monitor) = self {
                monitor.questions = None;
            }
            *self = Self::Nobody(reason.clone());
            reason
        })
    }
}

impl Monitor {
    fn start(args: &VerifyArgs) -> io::Result<Self> {
        let mut command = Command::new(this_program());
        command.arg0("opkssh");
        command.arg("verify-monitor").arg("--etc").arg(&args.etc);
        if let Some(path) = &args.config_path {
            command.arg("--config-path").arg(path);
        }
        command.arg("--cache").arg(&args.cache);
        command.arg("--log-file").arg(&args.log_file);
        // the certificate may hold tokens, and goes another way
        command.args(["--", &args.principal, "-", &args.key_type]);
        command.args(&args.extra);
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(questions), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let mut monitor = Self {
            questions: Some(questions),
            answers: BufReader::new(answers),
            process,
        };
        monitor.tell(&args.certificate)?;
        Ok(monitor)
    }

    fn ask<A: DeserializeOwned>(&mut self, question: &Question) -> io::Result<A> {
        self.tell(question)?;
        read_line(&mut self.answers)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn tell(&mut self, words: &impl Serialize) -> io::Result<()> {
        match &mut self.questions {
            Some(questions) => write_line(questions, words),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

/// It ends with its stdin. Waited for, since not everybody's PID 1 does that.
impl Drop for Monitor {
    fn drop(&mut self) {
        if let Some(questions) = self.questions.take() {
            drop(questions);
            let _ = self.process.wait();
        }
    }
}

/// The running file itself, even when another has taken its place by now; where there is no
/// /proc, as sshd called it.
fn this_program() -> PathBuf {
    let itself = PathBuf::from("/proc/self/exe");
    match itself.exists() {
        true => itself,
        false => std::env::args_os().next().unwrap_or_default().into(),
    }
}

/// `opkssh verify-monitor`: answers the questions of the verify that started it.
pub fn monitor_command(mut args: VerifyArgs) -> Result<(), ServerError> {
    keep_place_of_panic();
    // its file is /proc/self/exe, and so would be its name
    let _ = rustix::thread::set_name(c"opkssh");
    let log = Log::open(&args.log_file);
    for problem in confine::keep_memory_private() {
        log.line(&format!("warning: {problem}"));
    }
    let (mut questions, mut answers) = (io::stdin().lock(), io::stdout().lock());
    let mut serve = || -> io::Result<()> {
        let Some(certificate) = read_line(&mut questions)? else {
            return Ok(());
        };
        args.certificate = certificate;
        while let Some(question) = read_line(&mut questions)? {
            match question {
                Question::HomePolicy => write_line(&mut answers, &home_policy(&args))?,
                Question::Plugins(variables) => {
                    write_line(&mut answers, &ask_plugins::ask(&args, &variables, &log))?;
                }
                Question::Fallback => write_line(&mut answers, &fallback::ask(&args, &log))?,
            }
        }
        Ok(())
    };
    serve().map_err(ServerError::Monitor)
}

fn home_policy(args: &VerifyArgs) -> Result<HomePolicy, NoHomePolicy> {
    let (path, bytes) = home::read_for(&args.principal)?;
    Ok(HomePolicy { path, bytes })
}

fn write_line(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// `None` at the end.
fn read_line<T: DeserializeOwned>(from: &mut impl io::BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    from.take(MAX_LINE).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}
