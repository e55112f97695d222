//! Identifies a process of this machine even if its process id is reused.

use serde::{Deserialize, Serialize};

/// A process id and the process's start time, in clock ticks since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot.
    pub start_time: u64,
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
mod tests {
    use super::*;

    #[test]
    fn parent_and_start_are_found_behind_any_name() {
        let fields = "S 41 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 200";
        for name in ["ssh", "a b", ") S 1 1", "))", ""] {
            let stat = ProcessStat::parse(&format!("42 ({name}) {fields}"));
            let expected = ProcessStat {
                parent: 41,
                start_time: 98765,
            };
            assert_eq!(stat, Some(expected), "{name}");
        }
        for text in ["", "42 (ssh)", "42 (ssh) S 41 1 1", "42 ssh S 41"] {
            assert_eq!(ProcessStat::parse(text), None, "{text}");
        }
    }
}
