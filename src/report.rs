//! The one place where an error becomes a message, a hint and an exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use opkssh_protocol::inspect::InspectError;
use opkssh_protocol::printable::printable;

use crate::cli::Stop;

/// One line what, one line what to do.
pub struct Failure {
    message: String,
    hint: Option<String>,
    status: u8,
}

impl Failure {
    pub fn new(message: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            message: message.into(),
            hint,
            status: 1,
        }
    }

    /// With `prefix` in front of the message.
    #[cfg(feature = "client")]
    pub fn after(mut self, prefix: &str) -> Self {
        self.message.insert_str(0, prefix);
        self
    }

    /// With the exit status of ssh's own failures.
    #[cfg(feature = "client")]
    pub fn like_ssh(mut self) -> Self {
        self.status = 255;
        self
    }
}

impl From<InspectError> for Failure {
    fn from(error: InspectError) -> Self {
        Self::new(error.to_string(), Some(error.hint().to_owned()))
    }
}

#[cfg(feature = "client")]
impl From<opkssh_wrapper::WrapperError> for Failure {
    fn from(error: opkssh_wrapper::WrapperError) -> Self {
        Self::new(error.to_string(), error.hint()).like_ssh()
    }
}

/// Message and hint are the error's own.
macro_rules! failures {
    ($feature:literal: $($error:path),+ $(,)?) => {$(
        #[cfg(feature = $feature)]
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error.to_string(), error.hint())
            }
        }
    )+};
}

failures!("client": opkssh_agent::AgentError, opkssh_client::ClientError);
failures!(
    "server":
    opkssh_server::AddError,
    opkssh_server::AuditError,
    opkssh_server::CacheError,
    opkssh_server::CheckError,
    opkssh_server::ExplainError,
    opkssh_server::InstallError,
    opkssh_server::PermissionsError,
    opkssh_server::RevokeError,
    opkssh_server::UninstallError,
    opkssh_server::VerifyError,
);

#[cfg(feature = "server")]
impl From<opkssh_server::ReadhomeError> for Failure {
    fn from(error: opkssh_server::ReadhomeError) -> Self {
        Self::new(error.to_string(), None)
    }
}

/// Says on stderr what went wrong.
pub fn failure(failure: &Failure) -> ExitCode {
    let mut err = io::stderr().lock();
    // a provider's words may be in it
    let _ = writeln!(err, "Error: {}", on_one_line(&failure.message));
    if let Some(hint) = &failure.hint {
        let _ = writeln!(err, "{}", on_one_line(hint));
    }
    ExitCode::from(failure.status)
}

/// Help goes to stdout and is no failure; a misspelt command line is one.
pub fn not_a_command(stop: Stop) -> ExitCode {
    match stop {
        Stop::Help(text) => {
            say(text.trim_end());
            ExitCode::SUCCESS
        }
        Stop::Usage { message, hint } => failure(&Failure::new(message, hint)),
    }
}

/// Writes a line to stdout; a reader that went away is no failure of ours.
pub fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Returns `text` as one line that does not steer the terminal.
fn on_one_line(text: &str) -> String {
    printable(&text.trim().replace(['\n', '\t'], " ")).to_string()
}
