//! Identifies this process, which becomes another program.

use opkssh_protocol::process::{Process, ProcessStat};

/// Returns `None` without `/proc`.
pub fn own_process() -> Option<Process> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    Some(Process {
        pid: std::process::id(),
        start_time: ProcessStat::parse(&stat)?.start_time,
    })
}
