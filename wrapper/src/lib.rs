//! `opkssh ssh` and `opkssh run`: make an account usable or start an agent, then become ssh or the
//! command.
//!
//! Stdin and stdout belong to that program: messages go to stderr. A failure of `opkssh ssh` has
//! ssh's own exit status, 255; one of `opkssh run` has those of env(1).

mod connecting;
mod destination;
mod own_process;
mod real_program;
mod run;
mod ssh;

pub use run::{RunCommandArgs, RunFailure, run};
pub use ssh::{SshArgs, SshContext, prepare_ssh, ssh};
