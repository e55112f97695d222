//! The per-user daemon, in two wings that meet in one table of held identities:
//! `accounts` is the life of an identity, `serving` answers ssh.

mod accounts;
mod control;
mod held;
mod hardening;
mod run;
mod runtime_dir;
mod serving;
mod sockets;

pub use accounts::{KeyFileError, KeyFiles, KeysTo, login_to_files};
pub use run::{RunArgs, RunError, run};
