//! Messages between verify and its monitor. Request and answer are one line of JSON each.

use std::io::{self, BufRead, Read as _, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::plugin::Variables;

/// Longest line, in bytes: more than a home policy of the largest size.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// An action that verify cannot do itself.
#[derive(Serialize, Deserialize)]
pub enum MonitorRequest {
    HomePolicy,
    Plugins(Variables),
    Fallback,
}

/// Writes a request or an answer.
pub fn write(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Reads a message of [`write`]. `None` at the end.
pub fn read<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    from.take(MAX_BYTES).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

#[cfg(test)]
mod tests;
