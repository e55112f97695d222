//! Prints errors as a message and a hint, and sets the exit status.

use std::io::{self, Write};
use std::process::ExitCode;

#[cfg(feature = "client")]
use opkssh_client::{AgentReply, Answer, ClientError, HostAnswer, LogoutReply, Reply};
use opkssh_protocol::printable::printable;

/// An error as a message, a hint and an exit status.
pub struct CommandFailure {
    pub message: String,
    pub hint: Option<String>,
    status: u8,
}

impl CommandFailure {
    pub fn new(message: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            message: message.into(),
            hint,
            status: 1,
        }
    }

    /// Sets the exit status, which else is 1.
    pub fn with_status(self, status: u8) -> Self {
        Self { status, ..self }
    }
}

/// Implements `From` for errors that have a hint.
macro_rules! failures {
    ($feature:literal: $($error:path),+ $(,)?) => {$(
        #[cfg(feature = $feature)]
        impl From<$error> for CommandFailure {
            fn from(error: $error) -> Self {
                Self::new(error.to_string(), error.hint())
            }
        }
    )+};
}

failures!(
    "client":
    opkssh_agent::WriteKeysError,
    opkssh_agent::RunError,
);

#[cfg(feature = "server")]
impl From<opkssh_server::AdminError> for CommandFailure {
    fn from(error: opkssh_server::AdminError) -> Self {
        Self {
            status: error.status(),
            ..Self::new(error.to_string(), error.hint())
        }
    }
}

#[cfg(feature = "client")]
impl From<&ClientError> for CommandFailure {
    fn from(error: &ClientError) -> Self {
        let status = if error.is_inconclusive() { 3 } else { 1 };
        Self::new(error.to_string(), error.hint()).with_status(status)
    }
}

#[cfg(feature = "client")]
impl From<ClientError> for CommandFailure {
    fn from(error: ClientError) -> Self {
        Self::from(&error)
    }
}

#[cfg(feature = "client")]
impl From<&CommandFailure> for Answer {
    fn from(failure: &CommandFailure) -> Self {
        Self {
            usable: (failure.status != 3).then_some(false),
            reason: failure.message.clone(),
            hint: failure.hint.clone(),
            ..Self::default()
        }
    }
}

#[cfg(feature = "client")]
impl From<&CommandFailure> for AgentReply {
    fn from(failure: &CommandFailure) -> Self {
        Self {
            done: (failure.status != 3).then_some(false),
            reason: failure.message.clone(),
            hint: failure.hint.clone(),
            agent: None,
        }
    }
}

#[cfg(feature = "client")]
impl From<&CommandFailure> for HostAnswer {
    fn from(failure: &CommandFailure) -> Self {
        Self {
            reason: failure.message.clone(),
            hint: failure.hint.clone(),
            is_inconclusive: failure.status == 3,
            ..Self::default()
        }
    }
}

/// Prints the answer as JSON or by `show`, and an error on stderr unless `quiet`. Returns the exit
/// status.
#[cfg(feature = "client")]
pub fn answered<A>(
    answer: Result<A, CommandFailure>,
    json: bool,
    quiet: bool,
    show: impl FnOnce(&A),
) -> ExitCode
where
    A: Reply + for<'e> From<&'e CommandFailure>,
{
    let (answer, error) = match answer {
        Ok(answer) => (answer, None),
        Err(error) => (A::from(&error), Some(error)),
    };
    if json {
        print_line(&answer.json());
    } else if !quiet && error.is_none() {
        show(&answer);
    }
    match error {
        Some(error) if !quiet => failure(&error),
        _ => ExitCode::from(answer.status()),
    }
}

/// Prints the result as JSON if requested, and each failure on stderr. Returns the exit status.
#[cfg(feature = "client")]
pub fn logged_out(reply: Result<LogoutReply, ClientError>, json: bool) -> ExitCode {
    let reply = reply.unwrap_or_else(|error| LogoutReply {
        failures: vec![error],
        ..LogoutReply::default()
    });
    if json {
        print_line(&reply.json());
    }
    for error in &reply.failures {
        failure(&error.into());
    }
    ExitCode::from(reply.status())
}

/// Prints the message and the hint on stderr.
pub fn failure(failure: &CommandFailure) -> ExitCode {
    // a message may quote a provider
    let _ = writeln!(io::stderr(), "Error: {}", on_one_line(&failure.message));
    print_hint(failure.hint.as_deref());
    ExitCode::from(failure.status)
}

/// Prints the hint, if there is one, on stderr.
pub fn print_hint(hint: Option<&str>) {
    if let Some(hint) = hint {
        let _ = writeln!(io::stderr(), "hint: {}", on_one_line(hint));
    }
}

/// Writes a line to stdout. Ignores errors, e.g. of a closed pipe.
pub fn print_line(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Returns `text` as one line without control characters.
fn on_one_line(text: &str) -> String {
    printable(&text.trim().replace(['\n', '\t'], " ")).to_string()
}
