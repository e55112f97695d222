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
    let (accounts, failure) = log_out_of_agent(args, places)?;
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
    let is_left = |account: &LoggedOut| account.not_revoked && !args.force;
    let left = accounts.into_iter().filter(is_left).collect::<Vec<_>>();
    match (left.is_empty(), failure) {
        (true, None) => Ok(()),
        (true, Some(failure)) => Err(failure),
        (false, None) => Err(not_revoked(&left)),
        (false, Some(failure)) => {
            let left = not_revoked(&left);
            let (hint, and) = (left.hint().unwrap_or_default(), failure.hint());
            let and = and.map(|hint| format!("; {hint}")).unwrap_or_default();
            Err(ClientError::new(format!("{left}; {failure}"), hint + &and))
        }
    }
}

/// Returns the error of refresh tokens that may still count.
fn not_revoked(left: &[LoggedOut]) -> ClientError {
    let left = left.iter();
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

/// Logs out of the agent's accounts. Returns them, and why others stay logged in.
fn log_out_of_agent(
    args: &LogoutArgs,
    places: &Places,
) -> Result<(Vec<LoggedOut>, Option<ClientError>), ClientError> {
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
        return Ok((Vec::new(), None));
    };
    match connection.ask(&Request::Logout { which, force }, NETWORK_TIMEOUT)? {
        Event::LoggedOut { accounts, failure } => {
            let failure = failure
                .map(|failure| ClientError::new(failure.message, failure.hint.unwrap_or_default()));
            Ok((accounts, failure))
        }
        _ => Err(unexpected()),
    }
}
