//! Makes sure that we may log in, then becomes the real tool.
//!
//! Stdin is never read, stdout never written: they belong to the tool. What there is to say goes
//! to stderr. Our own failures end as ssh's do, with exit status 255.

mod connecting;
mod destination;
mod error;
mod make_ready;
mod real_program;
mod ssh;

pub use error::WrapperError;
pub use make_ready::Surroundings;
pub use ssh::{SshArgs, prepare_ssh, ssh};
