//! `opkssh check`: reports whether an account is usable, and for how long.

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use opkssh_protocol::control::{AccountState, AccountStatus, Renewal};
use opkssh_protocol::places::Places;
use opkssh_protocol::time::UnixTime;

use crate::agent::running::ensure_running_if_stored;
use crate::answer::Answer;
use crate::configuration::Environment;
use crate::duration;
use crate::ensure::{EnsureOutcome, renew, which};
use crate::error::ClientError;
use crate::format::{local_time, login_command, now};
use crate::status::{logout_before_expiry, usable_until_logout};

#[derive(Debug, Clone, Default, clap::Args)]
pub struct CheckArgs {
    /// The account to check, by its alias [default: the default account]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub alias: Option<String>,
    /// Check the account that is shown to this host; not usable if none is
    #[arg(long, value_name = "HOST", conflicts_with = "alias")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub host: Option<String>,
    /// Require the account to be usable at least this long, e.g. 30m, 1h30m or 7d
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    pub duration: Option<Duration>,
    /// Print the answer as JSON
    #[arg(long, conflicts_with = "quiet")]
    pub json: bool,
    /// Print nothing, not even errors; only set the exit status
    #[arg(short, long)]
    pub quiet: bool,
}

/// Returns whether the account is usable as long as required. Starts the agent if accounts are
/// stored, and may renew the account; never asks for a login.
pub fn check(
    args: &CheckArgs,
    environment: &Environment,
    places: &Places,
) -> Result<Answer, ClientError> {
    let which = which(args.alias.as_deref(), args.host.as_deref());
    let wanted = args.duration.unwrap_or_default().as_secs();
    let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
    let connect = ensure_running_if_stored;
    Ok(match renew(&which, false, environment, places, connect)? {
        EnsureOutcome::Ready(account) => usability(account, wanted, now()),
        EnsureOutcome::LoginNeeded { alias, reason } => EnsureOutcome::LoginNeeded {
            alias: alias.or(args.alias.clone()),
            reason,
        }
        .into(),
        not_ready => not_ready.into(),
    })
}

/// Returns whether the account is usable for `wanted` seconds, and why. An account that renews by
/// itself counts as usable until it is logged out.
fn usability(account: Box<AccountStatus>, wanted: i64, now: UnixTime) -> Answer {
    let name = &account.alias;
    let words = &account.renewal_words;
    let log_in = || Some(format!("log in: {}", login_command(Some(name))));
    let until = account.usable_until.map(local_time);
    let lasts = account
        .usable_until
        .is_none_or(|until| until.since(now) >= wanted);
    let (usable, reason, hint) = match (account.state, until) {
        (AccountState::LoginNeeded, _) => (false, "login needed".to_owned(), log_in()),
        (AccountState::Stale, _) => {
            let hint = "see why: opkssh status".to_owned();
            (
                false,
                "stale and could not be renewed".to_owned(),
                Some(hint),
            )
        }
        (AccountState::Usable, _) if ends_before(&account, wanted, now) => {
            let end = account.logs_out_at.map(local_time).unwrap_or_default();
            let why = "logged out then, by the agent's --lifetime";
            (false, format!("usable only until {end}; {why}"), None)
        }
        (AccountState::Usable, _) if logout_before_expiry(&account).is_some() => (
            true,
            usable_until_logout(&account).unwrap_or_default(),
            None,
        ),
        (AccountState::Usable, None) => (true, "usable without end".to_owned(), None),
        (AccountState::Usable, Some(until)) if lasts => {
            (true, format!("usable until {until}; {words}"), None)
        }
        (AccountState::Usable, Some(until)) if account.renewal == Renewal::ByItself => {
            let relies = "beyond that if the agent runs and the provider goes on renewing";
            (
                true,
                format!("usable until {until}, {relies}; {words}"),
                None,
            )
        }
        (AccountState::Usable, Some(until)) => (
            false,
            format!("usable only until {until}; {words}"),
            log_in(),
        ),
    };
    Answer {
        usable: Some(usable),
        reason: format!("{name}: {reason}"),
        hint,
        account: Some(account),
        key_file: None,
    }
}

fn ends_before(account: &AccountStatus, wanted: i64, now: UnixTime) -> bool {
    let Some(end) = account.logs_out_at else {
        return false;
    };
    let goes_on = account.renewal == Renewal::ByItself || logout_before_expiry(account).is_some();
    goes_on && end.since(now) < wanted
}

#[cfg(test)]
mod tests;
