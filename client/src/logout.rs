//! `opkssh logout`: logs out of the agent's accounts and removes key files of earlier logins.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use opkssh_protocol::control::{Event, LoggedOut, Request, WhichAccount};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use crate::agent::running::{ensure_running, ensure_running_if_stored};
use crate::connection::{NETWORK_TIMEOUT, unexpected};
use crate::error::ClientError;
use crate::key_files;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct LogoutArgs {
    /// Account, by its alias [default: the default account]
    pub alias: Option<String>,
    /// Log out of every account
    #[arg(long, conflicts_with = "alias")]
    pub all: bool,
    /// Forget accounts even if their refresh tokens cannot be revoked
    #[arg(long)]
    pub force: bool,
    /// Remove this private key file and its certificate, without logging out of the agent
    #[arg(short = 'i', long, value_name = "FILE", conflicts_with_all = ["alias", "all", "force"])]
    pub private_key_file: Option<PathBuf>,
    /// Say why key files were not removed
    #[arg(short, long)]
    pub verbose: bool,
}

/// Logs out of the named account; without a name, logs out of the default account (`--all`: of
/// every account) and removes every key file that a login wrote, as Go's client does.
pub fn logout(
    args: &LogoutArgs,
    places: &Places,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), ClientError> {
    if let Some(key) = &args.private_key_file {
        key_files::remove_one(key)?;
        let key = key.display();
        let _ = writeln!(out, "Successfully removed opkssh key pair: {key}");
        return Ok(());
    }
    let accounts = log_out_of_agent(args, places)?;
    for account in &accounts {
        let (alias, issuer) = (printable(&account.alias), printable(&account.issuer));
        let revocation = match account.not_revoked && !args.force {
            true => String::new(),
            false => format!(": {}", printable(&account.revocation)),
        };
        let _ = writeln!(out, "Logged out of {alias} ({issuer}){revocation}");
    }
    if args.alias.is_none() {
        let removed = key_files::remove_all(places, args.verbose, out, err)?;
        let line = match removed {
            0 if accounts.is_empty() => Some("No opkssh keys found to remove".to_owned()),
            0 => None,
            n => Some(format!("Successfully removed {n} opkssh key pair(s)")),
        };
        if let Some(line) = line {
            let _ = writeln!(out, "{line}");
        }
    }
    match accounts.iter().find(|account| account.not_revoked) {
        Some(_) if !args.force => Err(not_revoked(&accounts)),
        _ => Ok(()),
    }
}

fn not_revoked(accounts: &[LoggedOut]) -> ClientError {
    let left = accounts.iter().filter(|account| account.not_revoked);
    let words = left
        .clone()
        .map(|account| format!("{}: {}", account.alias, account.revocation));
    let issuers: BTreeSet<&str> = left.map(|account| account.issuer.as_str()).collect();
    ClientError::new(
        words.collect::<Vec<_>>().join("; "),
        format!(
            "it counts until the provider ends it: withdraw the login in your account at {}",
            issuers.into_iter().collect::<Vec<_>>().join(", ")
        ),
    )
}

/// Logs out of the agent's accounts and returns them.
fn log_out_of_agent(args: &LogoutArgs, places: &Places) -> Result<Vec<LoggedOut>, ClientError> {
    let force = args.force;
    let which = match (&args.alias, args.all) {
        (Some(alias), _) => WhichAccount::Named(alias.clone()),
        (None, true) => WhichAccount::All,
        (None, false) => WhichAccount::Default,
    };
    // the agent also revokes and wipes stored accounts
    let connection = match args.alias {
        Some(_) => Some(ensure_running(places)?),
        None => ensure_running_if_stored(places)?,
    };
    let Some(mut connection) = connection else {
        return Ok(Vec::new());
    };
    match connection.ask(&Request::Logout { which, force }, NETWORK_TIMEOUT)? {
        Event::LoggedOut { accounts } => Ok(accounts),
        _ => Err(unexpected()),
    }
}
