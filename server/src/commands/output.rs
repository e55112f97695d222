//! Output of the admin commands: the answer on stdout, everything else on stderr.

use std::io::{self, Write};

use opkssh_protocol::printable::{printable, printable_json};
use serde::Serialize;

use crate::admin_error::AdminError;

/// Writes an escaped line of the answer: names and errors may contain anything.
pub(super) fn say(out: &mut impl Write, line: &str) -> Result<(), AdminError> {
    writeln!(out, "{}", printable(line)).map_err(AdminError::output)
}

/// Writes the answer as one JSON value.
pub(super) fn json(out: &mut impl Write, value: &impl Serialize) -> Result<(), AdminError> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from);
    text.and_then(|text| writeln!(out, "{}", printable_json(&text)))
        .map_err(AdminError::output)
}

/// Returns the error of a command that has no answer, after writing it as the JSON value.
pub(super) fn no_answer(error: AdminError, is_json: bool, out: &mut impl Write) -> AdminError {
    let value = serde_json::json!({ "reason": error.to_string(), "hint": error.hint() });
    match is_json.then(|| json(out, &value)) {
        Some(Err(other)) => other,
        Some(Ok(())) | None => error,
    }
}

/// Writes a line to stderr, apart from the answer.
pub(super) fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{}", printable(line));
}
