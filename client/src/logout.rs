//! `opkssh logout`: logs out of the agent's accounts and removes key files of earlier logins.

use std::io::Write;
use std::path::PathBuf;

use opkssh_protocol::control::{Event, LoggedOut, Request, WhichAccount};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use crate::agent::running::{ensure_running, ensure_running_if_stored};
use crate::answer::LogoutReply;
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
    /// Forget accounts that are locked, too, whose refresh tokens cannot be revoked; exit status 0
    /// also if a provider did not revoke one
    #[arg(long)]
    pub force: bool,
    /// Remove this private key file and its certificate, without logging out of the agent
    #[arg(short = 'i', long, value_name = "FILE", conflicts_with_all = ["alias", "all", "force"])]
    pub private_key_file: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Say why key files were not removed
    #[arg(short, long)]
    pub verbose: bool,
}

/// Logs out of the named account; without a name, logs out of the default account (`--all`: of
/// every account) and removes every key file that a login wrote, as Go's client does.
///
/// An account whose refresh token the provider did not revoke is forgotten all the same; it is a
/// failure, since the token goes on counting.
pub fn logout(
    args: &LogoutArgs,
    places: &Places,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<LogoutReply, ClientError> {
    let mut reply = LogoutReply::default();
    if let Some(key) = &args.private_key_file {
        key_files::remove_one(key)?;
        let line = format!("Successfully removed opkssh key pair: {}", key.display());
        let _ = writeln!(out, "{line}");
        reply.key_files.push(key.clone());
        return Ok(reply);
    }
    log_out_of_agent(args, places, &mut reply)?;
    for account in &reply.accounts {
        let (alias, issuer) = (printable(&account.alias), printable(&account.issuer));
        let revocation = match account.not_revoked && !args.force {
            true => String::new(),
            false => format!(": {}", printable(&account.revocation)),
        };
        let _ = writeln!(out, "Logged out of {alias} ({issuer}){revocation}");
    }
    if args.alias.is_none() {
        reply.key_files = key_files::remove_all(places, args.verbose, out, err)?;
        let line = match reply.key_files.len() {
            0 if reply.accounts.is_empty() && reply.failures.is_empty() => {
                // the second line is Go's
                Some("Nobody is logged in\nNo opkssh keys found to remove".to_owned())
            }
            0 => None,
            n => Some(format!("Successfully removed {n} opkssh key pair(s)")),
        };
        if let Some(line) = line {
            let _ = writeln!(out, "{line}");
        }
    }
    let is_left = |account: &&LoggedOut| account.not_revoked && !args.force;
    let left = reply.accounts.iter().filter(is_left).map(not_revoked);
    reply.failures.extend(left.collect::<Vec<_>>());
    Ok(reply)
}

/// Returns the error of a refresh token that may still count.
fn not_revoked(account: &LoggedOut) -> ClientError {
    ClientError::new(
        format!("{}: {}", account.alias, account.revocation),
        format!(
            "it counts until the provider ends it: withdraw the login in your account at {}",
            account.issuer
        ),
    )
}

/// Logs out of the agent's accounts. Fails if that could not be asked for.
fn log_out_of_agent(
    args: &LogoutArgs,
    places: &Places,
    reply: &mut LogoutReply,
) -> Result<(), ClientError> {
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
        return Ok(());
    };
    match connection.ask(&Request::Logout { which, force }, NETWORK_TIMEOUT)? {
        Event::LoggedOut { accounts, failures } => {
            reply.accounts = accounts;
            reply.failures = failures.into_iter().map(ClientError::Failed).collect();
            Ok(())
        }
        _ => Err(unexpected()),
    }
}
