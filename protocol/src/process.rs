//! Identifies a process of this machine even if its process id is reused.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A process id and the process's start time, in clock ticks since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot.
    pub start_time: u64,
}

/// Formats as `PID:START`.
impl Display for Process {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.pid, self.start_time)
    }
}

impl FromStr for Process {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |(pid, start): (&str, &str)| {
            Some(Self {
                pid: pid.parse().ok()?,
                start_time: start.parse().ok()?,
            })
        };
        let process = text.split_once(':').and_then(parse);
        process.ok_or_else(|| "it is not PID:START".to_owned())
    }
}

/// Fields of `/proc/PID/stat` (proc(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessStat {
    /// Process id of the parent.
    pub parent: u32,
    /// Start time in clock ticks since boot.
    pub start_time: u64,
}

impl ProcessStat {
    /// Reads the text of `/proc/PID/stat`.
    pub fn parse(stat: &str) -> Option<Self> {
        // the program name may contain parentheses and blanks
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            start_time: fields.get(19)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests;
