//! `opkssh readhome ACCOUNT`: what sudo runs as root for `verify`. Prints that account's own
//! policy file and nothing else.

use std::io::{self, Write};

use crate::account;
use crate::error::ServerError;
use crate::home;

/// Print a user's ~/.opk/auth_id, for verify.
#[derive(Debug, Clone, clap::Args)]
pub struct ReadhomeArgs {
    /// Local account.
    pub principal: String,
}

/// Prints the file's bytes to stdout, if it is a regular file of that user alone.
pub fn readhome_command(args: &ReadhomeArgs) -> Result<(), ServerError> {
    let account = account::find(&args.principal).map_err(ServerError::ReadHomeAccount)?;
    let bytes = home::read(&account).map_err(ServerError::ReadHome)?;
    let mut out = io::stdout().lock();
    out.write_all(&bytes)
        .and_then(|()| out.flush())
        .map_err(ServerError::Output)
}
