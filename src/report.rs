//! Prints errors as a message and a hint, and sets the exit status.

use std::io::{self, Write};
use std::process::ExitCode;

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

    /// Sets the exit status of ssh's own errors.
    #[cfg(feature = "client")]
    pub fn with_ssh_status(mut self) -> Self {
        self.status = 255;
        self
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
    opkssh_client::ClientError,
);
failures!("server": opkssh_server::AdminError, opkssh_server::VerifyError);

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

/// Writes a line to stdout. Ignores errors, e.g. of a closed pipe.
pub fn print_line(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Returns `text` as one line without control characters.
fn on_one_line(text: &str) -> String {
    printable(&text.trim().replace(['\n', '\t'], " ")).to_string()
}
