//! The error of an admin command.

use std::io;
use std::path::Path;

/// A message, and the next command to run if there is one.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct AdminError {
    message: String,
    hint: Option<String>,
    status: u8,
}

impl AdminError {
    pub(crate) fn new(message: impl ToString) -> Self {
        Self {
            message: message.to_string(),
            hint: None,
            status: 1,
        }
    }

    /// Sets the exit status of a question that could not be answered, 3.
    #[must_use]
    pub(crate) fn not_known(self) -> Self {
        Self { status: 3, ..self }
    }

    /// Sets the exit status of a command that was typed wrong, 2.
    #[must_use]
    pub(crate) fn misuse(self) -> Self {
        Self { status: 2, ..self }
    }

    #[must_use]
    pub(crate) fn hinting(self, hint: impl ToString) -> Self {
        self.with_hint(Some(hint.to_string()))
    }

    #[must_use]
    pub(crate) fn with_hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }

    /// Returns the error `PATH: ERROR`.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::new(format!("{}: {error}", path.display()))
    }

    /// Returns the error of a command that cannot write to stdout.
    pub(crate) fn output(error: io::Error) -> Self {
        Self::new(format!("cannot write the answer: {error}"))
    }

    pub fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    /// Returns the exit status: 1, 2 for misuse, or 3 if an answer could not be found out.
    pub fn status(&self) -> u8 {
        self.status
    }
}
