//! One notification before a deadline that only a person can move, if the account was used in the
//! last day. None for accounts that renew by themselves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use opkssh_protocol::config::OnDemand;
use opkssh_protocol::pk_token::TokenTimes;
use opkssh_protocol::time::UnixTime;
use tokio::sync::watch;

use super::on_demand::OnDemandLogin;
use crate::accounts::clock::Clock;
use crate::accounts::owner::{Owner, Published};
use crate::accounts::renewal::alarm::Alarm;
use crate::accounts::renewal::plan::Plan;
use crate::notices::{Cause, Notices};

/// An account was used lately if it signed within this many seconds: a day, not since midnight,
/// because people work past it.
const LATELY: i64 = 24 * 3600;

/// What is remembered of an account from one look to the next.
#[derive(Default)]
struct Seen {
    signatures: u64,
    used: Option<UnixTime>,
    /// The deadline of the last reminder.
    reminded: Option<UnixTime>,
}

/// Returns when to remind of the deadline; `None`: not until something changes. Pure. `used` is when
/// the account signed last, `reminded` the deadline of the last reminder.
fn due(
    plan: Plan,
    times: TokenTimes,
    used: Option<UnixTime>,
    reminded: Option<UnixTime>,
    now: UnixTime,
) -> Option<UnixTime> {
    let from = plan.ends_soon_from(times)?;
    let is_used = used.is_some_and(|used| now.since(used) <= LATELY);
    let is_open = plan.is_usable(now) && reminded != plan.deadline;
    (is_open && (now < from || is_used)).then_some(from)
}

/// Reminds of logins that end.
pub struct Reminder {
    pub owner: Owner,
    pub on_demand: Arc<OnDemandLogin>,
    pub notices: Arc<Notices>,
    pub clock: Clock,
    /// How often each account has signed.
    pub used: watch::Receiver<BTreeMap<String, u64>>,
}

impl Reminder {
    /// Reminds for as long as the daemon runs.
    pub async fn run(self) {
        let this = Arc::new(self);
        let mut changes = this.owner.changes();
        let mut used = this.used.clone();
        let alarm = Alarm::new(this.clock.clone());
        let mut seen = BTreeMap::new();
        loop {
            let _ = changes.borrow_and_update();
            let next = this.remind(&used.borrow_and_update().clone(), &mut seen);
            tokio::select! {
                () = alarm.wait(next) => {}
                changed = changes.changed() => if changed.is_err() { return },
                _ = used.changed() => {}
            }
        }
    }

    /// Does what is due now. Returns when something will be.
    fn remind(
        self: &Arc<Self>,
        used: &BTreeMap<String, u64>,
        seen: &mut BTreeMap<String, Seen>,
    ) -> Option<UnixTime> {
        let (published, now) = (self.owner.now(), self.clock.now());
        let mut next = None;
        for account in &published.facts.accounts {
            let name = &account.name;
            let Ok(item) = published.shown(account, now) else {
                continue;
            };
            let plan = published.plan(account, item);
            let seen = seen.entry(name.clone()).or_default();
            let signatures = used.get(name).copied().unwrap_or_default();
            if seen.signatures != signatures {
                (seen.signatures, seen.used) = (signatures, Some(now));
            }
            let times = item.credentials.times();
            let Some(at) = due(plan, times, seen.used, seen.reminded, now) else {
                continue;
            };
            if at > now {
                next = next.into_iter().chain([at]).min();
                continue;
            }
            seen.reminded = plan.deadline;
            let settings = &published.facts.agent.settings;
            let is_on = settings.on_demand(name, item.credentials.provider()) != OnDemand::Off;
            if let Some(deadline) = plan.deadline.filter(|_| is_on) {
                tokio::spawn(self.clone().remind_of(name.clone(), deadline));
            }
        }
        next
    }

    async fn remind_of(self: Arc<Self>, name: String, deadline: UnixTime) {
        let left = deadline.since(self.clock.now()).max(0);
        let summary = match left {
            0..120 => format!("Your login \"{name}\" ends soon"),
            left => format!("Your login \"{name}\" ends in {} minutes", left / 60),
        };
        let timeout = Duration::from_secs(left.unsigned_abs());
        let moved = |published: &Published| has_moved(published, &name, deadline);
        let offered = self.on_demand.offer_login(&name, &summary, timeout, moved);
        if let Err(error) = offered.await {
            self.notices.tell(
                Cause::Reminder(name.clone()),
                format!("the login {name} ends soon: opkssh login {name} ({error})"),
            );
        }
    }
}

/// Returns true if the deadline is another one, or the account is no more.
fn has_moved(published: &Published, name: &str, deadline: UnixTime) -> bool {
    let account = published.account(name);
    let plan = account.and_then(|account| Some(published.plan(account, account.item()?)));
    plan.and_then(|plan| plan.deadline) != Some(deadline)
}

#[cfg(test)]
mod tests;
