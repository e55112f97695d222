//! `opkssh readhome ACCOUNT`: prints an account's own policy file and nothing else. `verify` runs
//! it as root through sudo.

use std::fmt::Display;
use std::io::{self, Write};

use crate::account;
use crate::admin_error::AdminError;
use crate::home;

/// Print a user's ~/.opk/auth_id (used by verify)
#[derive(Debug, Clone, clap::Args)]
pub struct ReadhomeArgs {
    /// Local account
    pub principal: String,
}

/// Prints the file to stdout, if it is a regular file that belongs only to that user.
pub fn readhome_command(args: &ReadhomeArgs) -> Result<(), AdminError> {
    let failed = |error: &dyn Display| {
        AdminError::new(format!("Failed to read user's home policy file: {error}"))
    };
    let account = account::find(&args.principal).map_err(|error| failed(&error))?;
    let bytes = home::read(&account).map_err(|error| failed(&error))?;
    let mut out = io::stdout().lock();
    out.write_all(&bytes)
        .and_then(|()| out.flush())
        .map_err(|error| AdminError::new(format!("cannot write the file to stdout: {error}")))
}
