//! `opkssh readhome ACCOUNT`: prints an account's own policy file and nothing else. `verify` runs
//! it as root through sudo.

use std::io::{self, Write};

use crate::account::{self, AccountError};
use crate::files::FileError;
use crate::home;

/// Print a user's ~/.opk/auth_id (used by verify)
#[derive(Debug, Clone, clap::Args)]
pub struct ReadhomeArgs {
    /// Local account
    pub principal: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadhomeError {
    #[error("Failed to read user's home policy file: {0}")]
    Account(#[from] AccountError),
    #[error("Failed to read user's home policy file: {0}")]
    File(#[from] FileError),
    #[error("cannot write the file to stdout: {0}")]
    Output(io::Error),
}

/// Prints the file to stdout, if it is a regular file that belongs only to that user.
pub fn readhome_command(args: &ReadhomeArgs) -> Result<(), ReadhomeError> {
    let account = account::find(&args.principal)?;
    let bytes = home::read(&account)?;
    let mut out = io::stdout().lock();
    out.write_all(&bytes)
        .and_then(|()| out.flush())
        .map_err(ReadhomeError::Output)
}
