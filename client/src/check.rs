//! `opkssh check`: reports whether an account is usable, and for how long.

use std::io::Write;
use std::time::Duration;

use opkssh_protocol::control::{AccountState, AccountStatus, Renewal, WhichAccount};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;
use opkssh_protocol::time::UnixTime;

use crate::duration;
use crate::ensure::{EnsureOutcome, login_needed, renew};
use crate::error::ClientError;
use crate::format::{local_time, now};

#[derive(Debug, Clone, Default, clap::Args)]
pub struct CheckArgs {
    /// The account to check, by its alias [default: the default account]
    pub alias: Option<String>,
    /// Check the account that is shown to this host
    #[arg(long, value_name = "HOST", conflicts_with = "alias")]
    pub host: Option<String>,
    /// Require the account to be usable at least this long, e.g. 30m, 1h30m or 7d
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    pub duration: Option<Duration>,
    /// Print nothing, only set the exit status
    #[arg(short, long)]
    pub quiet: bool,
}

/// Returns true if the account is usable as long as required. May start the agent and renew the
/// account; never asks for a login.
pub fn check(args: &CheckArgs, places: &Places, out: &mut dyn Write) -> Result<bool, ClientError> {
    let which = match (&args.alias, &args.host) {
        (Some(alias), _) => WhichAccount::Named(alias.clone()),
        (None, Some(host)) => WhichAccount::ForHost(host.clone()),
        (None, None) => WhichAccount::Default,
    };
    let wanted = args.duration.unwrap_or_default().as_secs();
    let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
    let (usable, why) = match &renew(places, which, false)? {
        EnsureOutcome::Ready(account) => usability(account, wanted, now()),
        EnsureOutcome::LoginNeeded { alias, reason } => {
            (false, login_needed(alias.as_deref(), reason))
        }
    };
    if !args.quiet {
        let _ = writeln!(out, "{why}").and_then(|()| out.flush());
    }
    Ok(usable)
}

/// Returns whether the account is usable for `wanted` seconds, and a line that explains it. An
/// account that renews by itself counts as usable until it is logged out.
fn usability(account: &AccountStatus, wanted: i64, now: UnixTime) -> (bool, String) {
    let name = printable(&account.alias);
    let words = printable(&account.renewal_words);
    let renews = account.renewal == Renewal::ByItself;
    match (account.state, account.usable_until) {
        (AccountState::LoginNeeded, _) => {
            let line = format!("{name}: login needed; log in: opkssh login {name}");
            (false, line)
        }
        (AccountState::Stale, _) => {
            let line = format!("{name}: stale and could not be renewed; see why: opkssh status");
            (false, line)
        }
        (AccountState::Usable, _) if ends_before(account, wanted, now) => {
            let end = account.logs_out_at.map(local_time).unwrap_or_default();
            let why = "logged out then, by the agent's --lifetime";
            (false, format!("{name}: usable only until {end}; {why}"))
        }
        (AccountState::Usable, None) => (true, format!("{name}: usable without end")),
        (AccountState::Usable, Some(until)) => {
            let enough = renews || until.since(now) >= wanted;
            let short = if enough { "" } else { "only " };
            let until = local_time(until);
            (
                enough,
                format!("{name}: usable {short}until {until}; {words}"),
            )
        }
    }
}

fn ends_before(account: &AccountStatus, wanted: i64, now: UnixTime) -> bool {
    let Some(end) = account.logs_out_at else {
        return false;
    };
    let goes_on = account.renewal == Renewal::ByItself
        || account
            .usable_until
            .is_none_or(|until| until.since(end) >= -1);
    goes_on && end.since(now) < wanted
}

#[cfg(test)]
mod tests;
