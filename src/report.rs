//! Prints errors as a message and a hint, and sets the exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use opkssh_protocol::inspect::InspectError;
use opkssh_protocol::printable::printable;

use crate::cli::NoCommand;

/// An error as a message, a hint and an exit status.
pub struct CommandFailure {
    message: String,
    hint: Option<String>,
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

    /// Adds `prefix` to the message.
    #[cfg(feature = "client")]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.message.insert_str(0, prefix);
        self
    }

    /// Sets the exit status of ssh's own errors.
    #[cfg(feature = "client")]
    pub fn with_ssh_status(mut self) -> Self {
        self.status = 255;
        self
    }
}

impl From<InspectError> for CommandFailure {
    fn from(error: InspectError) -> Self {
        Self::new(error.to_string(), Some(error.hint().to_owned()))
    }
}

#[cfg(feature = "client")]
impl From<opkssh_wrapper::WrapperError> for CommandFailure {
    fn from(error: opkssh_wrapper::WrapperError) -> Self {
        Self::new(error.to_string(), error.hint()).with_ssh_status()
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
    opkssh_agent::KeyFileError,
    opkssh_agent::RunError,
    opkssh_client::ClientError,
);
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
impl From<opkssh_server::ReadhomeError> for CommandFailure {
    fn from(error: opkssh_server::ReadhomeError) -> Self {
        Self::new(error.to_string(), None)
    }
}

/// Prints the message and the hint on stderr.
pub fn failure(failure: &CommandFailure) -> ExitCode {
    let mut err = io::stderr().lock();
    // a message may quote a provider
    let _ = writeln!(err, "Error: {}", on_one_line(&failure.message));
    if let Some(hint) = &failure.hint {
        let _ = writeln!(err, "{}", on_one_line(hint));
    }
    ExitCode::from(failure.status)
}

/// Prints help to stdout with exit status 0, or a usage error.
pub fn no_command(reason: NoCommand) -> ExitCode {
    match reason {
        NoCommand::Help(text) => {
            print_line(text.trim_end());
            ExitCode::SUCCESS
        }
        NoCommand::Usage { message, hint } => failure(&CommandFailure::new(message, hint)),
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
