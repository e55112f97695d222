//! What makes the process a daemon: one per user, its sockets, its log, its end.

mod account_views;
mod control;
pub mod hardening;
mod idle;
mod instance;
mod listening;
mod log;
pub mod memory_lock;
mod process_end;
mod run;
pub mod sockets;
mod systemd;

pub use run::{RunError, run};

use std::time::Duration;

use opkssh_protocol::process::Process;

use crate::accounts::store::StoreChoice;
use log::LogLevel;
use memory_lock::MemoryLock;

/// How the agent runs. The command line has the same options.
#[derive(Debug, Clone, Default)]
pub struct RunArgs {
    pub store: StoreChoice,
    pub memory_lock: MemoryLock,
    pub idle_stop: Option<Duration>,
    pub lifetime: Option<Duration>,
    pub log_level: LogLevel,
    /// True if a command has started the agent, which then leaves the terminal.
    pub detached: bool,
    /// The agent stops when this process has ended.
    pub ends_with: Option<Process>,
}
