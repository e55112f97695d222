//! `opkssh status`.

pub(crate) mod host;
mod page;

use std::io::Write;

use clap::builder::NonEmptyStringValueParser;
use opkssh_protocol::control::{AccountStatus, Event, LockedPart, Notice, Request, StatusReport};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable_json;
use opkssh_protocol::time::UnixTime;

use crate::agent::running::has_stored_accounts;
use crate::agent::settings::WhichAgent;
use crate::configuration::load_config;
use crate::connection::dead_socket::check_unused;
use crate::connection::{Connection, LOCAL_TIMEOUT, unexpected};
use crate::error::ClientError;
use crate::format::{agent_command, local_time};
use page::Page;

/// Shown for an account that has an access token and no `hosts:`.
pub(crate) const ACCESS_TOKEN_LEFT_OUT: &str =
    "left out of the certificate; name the servers that may see it with `hosts:`";

#[derive(Debug, Clone, Default, clap::Args)]
pub struct StatusArgs {
    /// Show which identities this host would see if ssh connected now, and why others not; exit
    /// status 0 if it would see any, else 1
    #[arg(long, value_name = "HOST", conflicts_with = "verbose")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub host: Option<String>,
    /// Print JSON; times are seconds since 1970-01-01T00:00:00Z
    #[arg(long)]
    pub json: bool,
    /// Show sockets, settings, keys and stores, too
    #[arg(short, long, conflicts_with = "json")]
    pub verbose: bool,
    #[command(flatten)]
    pub agent: WhichAgent,
}

/// Shows agent, accounts, expirations and how each account renews. Does not start the agent.
pub fn status(args: &StatusArgs, places: &Places, out: &mut dyn Write) -> Result<(), ClientError> {
    let places = &args.agent.places(places)?;
    let report = report_if_running(places).map_err(|error| error.of_agent(places))?;
    let text = match (&report, args.json) {
        (_, true) => json(report.as_ref(), places)?,
        (Some(report), false) => running(report, args.verbose, places),
        (None, false) => not_running(places),
    };
    let _ = write!(out, "{text}").and_then(|()| out.flush());
    Ok(())
}

/// Returns the agent's report, or `None` if it is not running.
pub(crate) fn report_if_running(places: &Places) -> Result<Option<StatusReport>, ClientError> {
    match (
        Connection::open_if_running(places)?,
        places.separate_socket(),
    ) {
        (Some(connection), _) => report(connection).map(Some),
        (None, Some(socket)) => check_unused(socket).map(|()| None),
        (None, None) => Ok(None),
    }
}

/// Returns the agent's report.
pub(crate) fn report(mut connection: Connection) -> Result<StatusReport, ClientError> {
    match connection.ask(&Request::Status, LOCAL_TIMEOUT)? {
        Event::Status { report } => Ok(report),
        _ => Err(unexpected()),
    }
}

/// Returns true if the agent shows no accounts and hides none.
fn has_no_accounts(report: &StatusReport) -> bool {
    // what is locked does not show its accounts
    let hides = |part: &LockedPart| *part != LockedPart::NewStore;
    report.accounts.is_empty() && !report.agent.locked.iter().any(hides)
}

/// Returns the report as JSON, with `"agent": null` if the agent is not running.
fn json(report: Option<&StatusReport>, places: &Places) -> Result<String, ClientError> {
    let value = match report {
        Some(report) => serde_json::to_value(report),
        None => Ok(serde_json::json!({
            "agent": null,
            "accounts": [],
            "notices": configuration_notices(places),
        })),
    };
    value
        .and_then(|value| serde_json::to_string_pretty(&value))
        .map(|text| printable_json(&text) + "\n")
        .map_err(|error| ClientError::InvalidAnswer(error.to_string()))
}

/// Returns what is wrong with the client configuration, which a running agent reports.
fn configuration_notices(places: &Places) -> Vec<Notice> {
    let texts = match load_config(None, places) {
        Ok(config) => config.map(|config| config.warnings).unwrap_or_default(),
        Err(error) => vec![error.to_string()],
    };
    let notices = texts.into_iter().map(|text| Notice { at: None, text });
    notices.collect()
}

fn not_running(places: &Places) -> String {
    let mut page = Page::new(false, places);
    let start = agent_command("start", places);
    let advice = match places.separate_socket() {
        Some(_) => format!("not running; start it: {start}"),
        None => format!("not running; `opkssh login` or `{start}` starts it"),
    };
    page.row("Agent", &advice);
    if has_stored_accounts(places) {
        let kept = "kept in the store; they come back when it starts";
        page.row("Accounts", kept);
    }
    page.notices(&configuration_notices(places));
    page.text
}

fn running(report: &StatusReport, verbose: bool, places: &Places) -> String {
    let mut page = Page::new(verbose, places);
    page.agent(&report.agent);
    if has_no_accounts(report) {
        let none = match places.separate_socket() {
            Some(_) => "none: a separate agent is for keys from ssh-add",
            None => "none; log in: opkssh login",
        };
        page.row("Accounts", none);
    }
    for account in &report.accounts {
        page.account(account, report);
    }
    page.notices(&report.notices);
    page.text
}

/// Returns when the agent's `--lifetime` logs out of an account that would be usable for longer; the
/// agent reports such an account as usable until the second before.
pub(crate) fn logout_before_expiry(account: &AccountStatus) -> Option<UnixTime> {
    let end = account.logs_out_at?;
    let until = account.usable_until;
    until
        .is_none_or(|until| until.since(end) >= -1)
        .then_some(end)
}

/// Returns until when a usable account can be used, if its logout comes first.
pub(crate) fn usable_until_logout(account: &AccountStatus) -> Option<String> {
    let end = logout_before_expiry(account).map(local_time)?;
    Some(format!(
        "usable until {end}; logged out then, by the agent's --lifetime"
    ))
}
