//! `opkssh ssh`: makes an account usable, then becomes ssh.
//!
//! Stdin and stdout belong to ssh: messages go to stderr. A failure has ssh's own exit status, 255.

mod connecting;
mod destination;
mod real_program;
mod ssh;

pub use ssh::{SshArgs, SshContext, prepare_ssh, ssh};
