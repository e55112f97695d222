//! `opkssh default`.

use std::io::Write;

use opkssh_protocol::control::{Event, Request};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use crate::agent::running::{ensure_running, ensure_running_if_stored};
use crate::connection::{LOCAL_TIMEOUT, unexpected};
use crate::error::ClientError;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct DefaultArgs {
    /// Account that becomes the default, by its alias
    pub alias: Option<String>,
}

/// Prints the name of the default account, or makes another account the default.
pub fn default_account(
    args: &DefaultArgs,
    places: &Places,
    out: &mut dyn Write,
) -> Result<(), ClientError> {
    let connection = match args.alias {
        Some(_) => Some(ensure_running(places)?),
        None => ensure_running_if_stored(places)?,
    };
    let Some(mut connection) = connection else {
        return Err(ClientError::new(
            "nobody is logged in",
            "log in: opkssh login",
        ));
    };
    let account = args.alias.clone();
    match connection.ask(&Request::Default { account }, LOCAL_TIMEOUT)? {
        Event::DefaultAccount { account } => {
            let account = printable(&account);
            let _ = match args.alias {
                Some(_) => writeln!(out, "The default account is {account}."),
                None => writeln!(out, "{account}"),
            };
            Ok(())
        }
        _ => Err(unexpected()),
    }
}
