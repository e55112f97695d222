//! The ssh processes that `opkssh ssh` became, and what each was asked for. Such an ssh, and no
//! other, may show an account with `hosts:` to a server that no known_hosts file knows yet.

use std::path::PathBuf;

use opkssh_protocol::control::Connecting;
use opkssh_protocol::process::{Process, ProcessStat};
use parking_lot::Mutex;

/// Processes that are remembered at once. The oldest goes first.
const MAX_ANNOUNCED: usize = 256;
/// How far below an announced ssh a jump's ssh can be.
const MAX_DEPTH: usize = 16;

#[derive(Default)]
pub struct Announced(Mutex<Vec<Connecting>>);

/// What is known of a connection's peer, because it or a process above it was announced.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Announcement {
    pub names: Vec<String>,
    pub known_hosts: Vec<PathBuf>,
    /// The agent that the command had before it was given this one.
    pub upstream: Option<PathBuf>,
}

impl Announced {
    /// Remembers a process until it has ended.
    pub fn add(&self, connecting: Connecting) {
        let mut announced = self.0.lock();
        announced.retain(|other| {
            other.process.pid != connecting.process.pid
                && stat(other.process.pid)
                    .is_some_and(|stat| stat.start_time == other.process.start_time)
        });
        if announced.len() == MAX_ANNOUNCED {
            announced.remove(0);
        }
        announced.push(connecting);
    }

    /// Returns what was announced of the process `pid`, or of the nearest one above it.
    pub fn of(&self, pid: u32) -> Announcement {
        find(&self.0.lock(), pid, stat).unwrap_or_default()
    }
}

/// Finds the announced process at or above `pid`. An ssh below it connects to a jump host, never to
/// the server.
fn find(
    announced: &[Connecting],
    pid: u32,
    stat: impl Fn(u32) -> Option<ProcessStat>,
) -> Option<Announcement> {
    if announced.is_empty() {
        return None;
    }
    let mut pid = pid;
    for depth in 0..MAX_DEPTH {
        let ProcessStat { parent, start_time } = stat(pid)?;
        let process = Process { pid, start_time };
        if let Some(found) = announced.iter().find(|one| one.process == process) {
            let names = match depth {
                0 => Some(&found.names),
                depth => found.jumps.get(depth - 1),
            };
            return Some(Announcement {
                names: names.cloned().unwrap_or_default(),
                known_hosts: found.known_hosts.clone(),
                upstream: found.upstream.clone(),
            });
        }
        pid = parent;
    }
    None
}

/// Reads `/proc/PID/stat`; `None` without such a process, or without `/proc`.
fn stat(pid: u32) -> Option<ProcessStat> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    ProcessStat::parse(&String::from_utf8_lossy(&text))
}

#[cfg(test)]
mod tests;
