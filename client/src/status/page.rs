//! The page of `opkssh status`.

use jiff::SignedDuration;
use opkssh_protocol::config::Forwarding;
use opkssh_protocol::control::{
    AccountState, AccountStatus, AgentStatus, LockedPart, Notice, StatusReport,
};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use super::{ACCESS_TOKEN_LEFT_OUT, logout_before_expiry, usable_until_logout};
use crate::agent::distrust::in_words;
use crate::format::{agent_command, local_time, now, time_of_day};

const MEMORY_ONLY: &str = "memory: lost when the agent stops";

pub struct Page<'a> {
    pub text: String,
    verbose: bool,
    places: &'a Places,
}

impl<'a> Page<'a> {
    /// Returns an empty page about the agent with these paths.
    pub fn new(verbose: bool, places: &'a Places) -> Self {
        Self {
            text: String::new(),
            verbose,
            places,
        }
    }

    pub fn agent(&mut self, agent: &AgentStatus) {
        let (since, pid, version) = (local_time(agent.started), agent.pid, &agent.version);
        let running = format!("running since {since}, process {pid}, version {version}");
        self.row("Agent", &running);
        if agent.replaced {
            let restart = agent_command("restart", self.places);
            self.row(
                "Upgrade",
                &format!("its program was replaced since; {restart}"),
            );
        }
        let unlock = agent_command("unlock", self.places);
        if agent.locked.contains(&LockedPart::Agent) {
            let advice = format!("nothing is shown, signed or renewed; unlock it: {unlock}");
            self.row("Locked", &advice);
        }
        if agent.locked.contains(&LockedPart::Screen) {
            let advice = "nothing is shown or signed until the screen is unlocked; or:";
            self.row("Screen lock", &format!("{advice} {unlock}"));
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
        // a separate agent has no other store
        let is_final = agent.store_wish == "memory" || self.places.separate_socket().is_some();
        match agent.store.as_str() {
            "memory" if !self.verbose && is_final => MEMORY_ONLY.to_owned(),
            "memory" if !self.verbose => {
                format!("{MEMORY_ONLY}; keep: opkssh agent restart --store file")
            }
            store => format!("{store} ({})", agent.store_reason),
        }
    }

    /// Adds an account.
    pub fn account(&mut self, account: &AccountStatus, report: &StatusReport) {
        let (store, jump_hosts) = (&report.agent.store, &report.jump_hosts);
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
            Forwarding::Allow => self.row("  Forwarding", "allow"),
            Forwarding::Confirm => {}
            Forwarding::Deny => self.row("  Forwarding", "deny"),
        }
        if account.confirm_local {
            self.row("  Local use", "confirm");
        }
        for host in jump_hosts.iter().filter(|it| it.account == account.alias) {
            match host.until {
                None => self.row("  Always via", &in_words(host)),
                Some(end) => {
                    let until = format!("{} until {}", in_words(host), time_of_day(end, now()));
                    self.row("  Allowed via", &until);
                }
            }
        }
        if account.withholds_access_token {
            self.row("  Access token", ACCESS_TOKEN_LEFT_OUT);
        }
        if self.verbose || account.store != *store {
            self.row("  Store", &account.store);
        }
        if let Some(error) = &account.store_error {
            self.row("  Not stored", error);
        }
        if let Some(error) = &account.last_error {
            self.row("  Last error", error);
        }
    }

    pub fn notices(&mut self, notices: &[Notice]) {
        if !notices.is_empty() {
            self.text += "\nNotices\n";
        }
        for notice in notices {
            let at = notice.at.map(|at| time_of_day(at, now()) + "  ");
            let (at, text) = (at.unwrap_or_default(), printable(&notice.text));
            self.text += &format!("  {at}{text}\n");
        }
    }

    pub fn row(&mut self, label: &str, value: &str) {
        self.text += &format!("{label:<13} {}\n", printable(value));
    }
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
