//! Runs sudo, plugins and the fallback command for verify, which is confined. The monitor is a
//! separate process, forked before any client data is parsed, like sshd's monitor.
//!
//! Exits when verify closes the pipe.

use std::io::{self, BufReader, PipeReader, PipeWriter};
use std::panic::{self, AssertUnwindSafe};

use fork::Fork;
use rustix::process::{Pid, WaitOptions, waitpid};
use serde::de::DeserializeOwned;

use super::context::Context;
use super::{fallback, plugins};
use crate::home::{self, HomePolicy, NoHomePolicy};
use crate::log::Log;
use crate::monitor_messages::{self as messages, MonitorRequest};
use crate::plugin::Variables;

/// Runs what the confined verify cannot.
pub(super) enum PrivilegedSide<'a> {
    /// verify itself, unconfined.
    Direct(Context<'a>),
    Monitor(Monitor),
    /// The monitor could not be started, for this reason.
    Unavailable(String),
}

/// A process that serves requests.
pub(super) struct Monitor {
    /// None after the last request.
    questions: Option<PipeWriter>,
    answers: BufReader<PipeReader>,
    /// None after an error: then verify does not wait for it.
    process: Option<Pid>,
}

impl Context<'_> {
    fn fallback(self) -> Result<Vec<u8>, String> {
        let fallback = self.files.settings.fallback.as_ref();
        let fallback = fallback.ok_or("there is none")?;
        fallback::ask(self.args, fallback, self.key_cache, self.log)
    }

    /// Serves requests until verify closes the pipe.
    fn serve(self, questions: PipeReader, mut answers: PipeWriter) -> io::Result<()> {
        let mut questions = BufReader::new(questions);
        while let Some(question) = messages::read(&mut questions)? {
            match question {
                MonitorRequest::HomePolicy => {
                    messages::write(&mut answers, &home::read_for(&self.args.principal))?;
                }
                MonitorRequest::Plugins(variables) => {
                    messages::write(&mut answers, &plugins::ask(self, &variables))?;
                }
                MonitorRequest::Fallback => messages::write(&mut answers, &self.fallback())?,
            }
        }
        Ok(())
    }
}

impl<'a> PrivilegedSide<'a> {
    /// Forks a monitor. If that fails, only the system's files count. Must be called before other
    /// threads start.
    pub fn start(context: Context<'a>) -> Self {
        match Monitor::start(context) {
            Ok(monitor) => Self::Monitor(monitor),
            Err(error) => {
                let reason = format!("the monitor does not start: {error}");
                context.log.line(&format!("warning: {reason}"));
                Self::Unavailable(reason)
            }
        }
    }

    /// Reads the own policy file of the account that sshd asks about.
    pub fn home_policy(&mut self) -> Result<HomePolicy, NoHomePolicy> {
        match self {
            Self::Direct(context) => home::read_for(&context.args.principal),
            _ => self.ask(&MonitorRequest::HomePolicy)?,
        }
    }

    /// Returns the name of the first plugin that allows.
    pub fn ask_plugins(&mut self, variables: Variables, log: &Log) -> Option<String> {
        if let Self::Direct(context) = self {
            return plugins::ask(*context, &variables);
        }
        let asked = self.ask(&MonitorRequest::Plugins(variables));
        asked.unwrap_or_else(|reason| {
            log.line(&format!("warning: plugins are not asked: {reason}"));
            None
        })
    }

    pub fn ask_fallback(&mut self) -> Result<Vec<u8>, String> {
        match self {
            Self::Direct(context) => context.fallback(),
            _ => self.ask(&MonitorRequest::Fallback)?,
        }
    }

    /// Lets the monitor exit after the last request.
    pub fn close_requests(&mut self) {
        if let Self::Monitor(monitor) = self {
            monitor.questions = None;
        }
    }

    fn ask<A: DeserializeOwned>(&mut self, question: &MonitorRequest) -> Result<A, String> {
        let asked = match self {
            Self::Monitor(monitor) => monitor.ask(question),
            Self::Unavailable(reason) => return Err(reason.clone()),
            Self::Direct(_) => return Err("not confined".to_owned()),
        };
        asked.map_err(|error| {
            // after an error, later answers would belong to other requests
            let reason = format!("the monitor does not answer: {error}");
            if let Self::Monitor(monitor) = self {
                monitor.process = None;
            }
            *self = Self::Unavailable(reason.clone());
            reason
        })
    }
}

impl Monitor {
    fn start(context: Context<'_>) -> io::Result<Self> {
        let (asked, questions) = io::pipe()?;
        let (answers, answered) = io::pipe()?;
        match fork::fork()? {
            Fork::Parent(pid) => Ok(Self {
                questions: Some(questions),
                answers: BufReader::new(answers),
                process: Pid::from_raw(pid),
            }),
            Fork::Child => {
                drop((questions, answers));
                // from here on nothing, not even a panic, may return into verify's code
                let served = panic::catch_unwind(AssertUnwindSafe(|| {
                    // sshd waits for every process that has its pipe open
                    rustix::stdio::dup2_stdout(&answered)?;
                    context.serve(asked, answered)
                }));
                std::process::exit(i32::from(!matches!(served, Ok(Ok(())))));
            }
        }
    }

    fn ask<A: DeserializeOwned>(&mut self, question: &MonitorRequest) -> io::Result<A> {
        match &mut self.questions {
            Some(questions) => messages::write(questions, question)?,
            None => return Err(io::ErrorKind::BrokenPipe.into()),
        }
        messages::read(&mut self.answers)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// Reaps the monitor: PID 1 in a container may not.
impl Drop for Monitor {
    fn drop(&mut self) {
        drop(self.questions.take());
        if let Some(process) = self.process {
            let _ = waitpid(Some(process), WaitOptions::empty());
        }
    }
}
