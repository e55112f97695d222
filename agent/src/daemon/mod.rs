//! What makes the process a daemon: one per user, its sockets, its log, its end.

mod control;
pub mod hardening;
mod idle;
mod instance;
mod listening;
mod log;
pub mod memory_lock;
mod program;
mod run;
pub mod sockets;
mod systemd;

pub use run::{RunArgs, RunError, run};
