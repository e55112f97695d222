//! `opkssh status`.

use std::io::Write;

use jiff::SignedDuration;
use opkssh_protocol::config::Forwarding;
use opkssh_protocol::control::{
    AccountState, AccountStatus, AgentStatus, Event, LockedPart, Notice, Request, StatusReport,
};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::{printable, printable_json};
use opkssh_protocol::time::UnixTime;

use crate::agent::running::has_stored_accounts;
use crate::configuration::load_config;
use crate::connection::{Connection, LOCAL_TIMEOUT, unexpected};
use crate::error::ClientError;
use crate::format::{local_time, now, time_of_day};

/// Shown for an account that has an access token and no `hosts:`.
pub(crate) const ACCESS_TOKEN_LEFT_OUT: &str =
    "left out of the certificate; name the servers that may see it with `hosts:`";

const MEMORY_ONLY: &str = "memory: lost when the agent stops";

#[derive(Debug, Clone, Default, clap::Args)]
pub struct StatusArgs {
    /// Print JSON; times are seconds since 1970-01-01T00:00:00Z
    #[arg(long)]
    pub json: bool,
    /// Show sockets, settings, keys and stores, too
    #[arg(short, long, conflicts_with = "json")]
    pub verbose: bool,
}

/// Shows agent, accounts, expirations and how each account renews. Does not start the agent.
pub fn status(args: &StatusArgs, places: &Places, out: &mut dyn Write) -> Result<(), ClientError> {
    let report = report_if_running(places)?;
    let text = match (&report, args.json) {
        (_, true) => json(report.as_ref(), places)?,
        (Some(report), false) => running(report, args.verbose),
        (None, false) => not_running(places),
    };
    let _ = write!(out, "{text}").and_then(|()| out.flush());
    Ok(())
}

/// Returns the agent's report, or `None` if it is not running.
pub(crate) fn report_if_running(places: &Places) -> Result<Option<StatusReport>, ClientError> {
    Connection::open_if_running(places)?.map(report).transpose()
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
    let mut page = Page::new(false);
    let advice = "not running; `opkssh login` or `opkssh agent start` starts it";
    page.row("Agent", advice);
    if has_stored_accounts(places) {
        let kept = "kept in the store; they come back when it starts";
        page.row("Accounts", kept);
    }
    page.notices(&configuration_notices(places));
    page.text
}

fn running(report: &StatusReport, verbose: bool) -> String {
    let mut page = Page::new(verbose);
    page.agent(&report.agent);
    if has_no_accounts(report) {
        page.row("Accounts", "none; log in: opkssh login");
    }
    for account in &report.accounts {
        page.account(account, &report.agent.store);
    }
    page.notices(&report.notices);
    page.text
}

struct Page {
    text: String,
    verbose: bool,
}

impl Page {
    fn new(verbose: bool) -> Self {
        Self {
            text: String::new(),
            verbose,
        }
    }

    fn agent(&mut self, agent: &AgentStatus) {
        let (since, pid, version) = (local_time(agent.started), agent.pid, &agent.version);
        let running = format!("running since {since}, process {pid}, version {version}");
        self.row("Agent", &running);
        if agent.replaced {
            let advice = "its program was replaced since; opkssh agent restart";
            self.row("Upgrade", advice);
        }
        if agent.locked.contains(&LockedPart::Agent) {
            self.row(
                "Locked",
                "nothing is shown, signed or renewed; unlock it: opkssh agent unlock",
            );
        }
        if agent.locked.contains(&LockedPart::Screen) {
            self.row(
                "Screen lock",
                "nothing is shown or signed until the screen is unlocked; or: opkssh agent unlock",
            );
        }
        if self.verbose {
            self.row("Agent socket", &agent.agent_socket);
            self.row("Control", &agent.control_socket);
        }
        if agent.added_keys > 0 {
            let keys = format!("{} from ssh-add, in memory only", agent.added_keys);
            self.row("Added keys", &keys);
        }
        for upstream in &agent.upstream {
            self.row("Upstream", upstream);
        }
        self.row("Store", &self.store(agent));
        if !agent.memory.is_empty() {
            self.row("Memory", &agent.memory);
        }
        let duration =
            |seconds: u64| SignedDuration::from_secs(seconds.try_into().unwrap_or(i64::MAX));
        if let Some(limit) = agent.lifetime.map(duration) {
            self.row("Lifetime", &format!("logged out {limit:#} after the login"));
        }
        if let Some(limit) = agent.idle_stop.map(duration) {
            let text = format!("after {limit:#} without a connection");
            self.row("Idle stop", &text);
        }
    }

    fn store(&self, agent: &AgentStatus) -> String {
        match (agent.store.as_str(), agent.store_wish.as_str()) {
            ("memory", "memory") if !self.verbose => MEMORY_ONLY.to_owned(),
            ("memory", _) if !self.verbose => {
                format!("{MEMORY_ONLY}; keep: opkssh agent restart --store file")
            }
            (store, _) => format!("{store} ({})", agent.store_reason),
        }
    }

    /// Adds an account; `store` is where new accounts are kept.
    fn account(&mut self, account: &AccountStatus, store: &str) {
        let default = if account.default { " (default)" } else { "" };
        let (alias, state) = (printable(&account.alias), state(account));
        self.text += &format!("\n{alias}{default}: {state}\n");
        let (subject, issuer) = (&account.subject, &account.issuer);
        let identity = match &account.email {
            Some(email) if !self.verbose => format!("{email} at {issuer}"),
            None if !self.verbose => format!("{subject} at {issuer}"),
            Some(email) => format!("{email}, {subject} at {issuer}"),
            None => format!("no email claim, {subject} at {issuer}"),
        };
        self.row("  Identity", &identity);
        if self.verbose {
            self.row("  Client", &account.client_id);
            self.row("  Key", &account.fingerprint);
        }
        let next = account.next_renewal.map(local_time);
        let next = next
            .map(|time| format!("; next {time}"))
            .unwrap_or_default();
        let renewal = match logout_before_expiry(account) {
            Some(_) => "none before the logout".to_owned(),
            None => format!("{}{next}", account.renewal_words),
        };
        self.row("  Renewal", &renewal);
        if let Some(end) = account.logs_out_at {
            self.row("  Lifetime", &format!("logged out at {}", local_time(end)));
        }
        let hosts = match account.hosts.as_slice() {
            [] => "every server but public forges; narrow it: `hosts:` in config.yml".into(),
            patterns => patterns.join(" "),
        };
        self.row("  Hosts", &hosts);
        match account.forwarding {
            Forwarding::Allow => {}
            Forwarding::Confirm => self.row("  Forwarding", "confirm"),
            Forwarding::Deny => self.row("  Forwarding", "deny"),
        }
        if account.withholds_access_token {
            self.row("  Access token", ACCESS_TOKEN_LEFT_OUT);
        }
        if self.verbose || account.store != store {
            self.row("  Store", &account.store);
        }
        if let Some(error) = &account.store_error {
            self.row("  Not stored", error);
        }
        if let Some(error) = &account.last_error {
            self.row("  Last error", error);
        }
    }

    fn notices(&mut self, notices: &[Notice]) {
        if !notices.is_empty() {
            self.text += "\nNotices\n";
        }
        for notice in notices {
            let at = notice.at.map(|at| time_of_day(at, now()) + "  ");
            let (at, text) = (at.unwrap_or_default(), printable(&notice.text));
            self.text += &format!("  {at}{text}\n");
        }
    }

    fn row(&mut self, label: &str, value: &str) {
        self.text += &format!("{label:<13} {}\n", printable(value));
    }
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

fn state(account: &AccountStatus) -> String {
    if account.state == AccountState::Usable
        && let Some(words) = usable_until_logout(account)
    {
        return words;
    }
    let until = account.usable_until.map(local_time);
    let plan = printable(&account.expiration);
    match (account.state, until) {
        (AccountState::Usable, Some(until)) => format!("usable until {until} ({plan})"),
        (AccountState::Usable, None) => format!("usable without end ({plan})"),
        (AccountState::Stale, _) => "stale; renewed when it is next used".into(),
        (AccountState::LoginNeeded, _) => {
            format!("login needed: opkssh login {}", printable(&account.alias))
        }
    }
}
