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
mod tests {
    use super::*;

    const IAT: i64 = 1_700_000_000;
    const DAY: i64 = 24 * 3600;

    fn times() -> TokenTimes {
        TokenTimes {
            issued_at: Some(UnixTime(IAT)),
            expires_at: None,
            refreshed_expires_at: None,
        }
    }

    fn plan(after: i64) -> Plan {
        Plan {
            deadline: Some(UnixTime(IAT + after)),
            renew_at: None,
        }
    }

    /// Days of a simulated clock, a minute at a time: how often somebody is reminded who uses the
    /// account at `used` (seconds after the login).
    fn reminders(plan: Plan, used: &[i64], until: i64) -> Vec<i64> {
        let (mut reminded, mut at) = (None, Vec::new());
        for minute in 0..until / 60 {
            let now = minute * 60;
            let last = used.iter().filter(|used| **used <= now).max();
            let last = last.map(|used| UnixTime(IAT + used));
            let now_time = UnixTime(IAT + now);
            let due = due(plan, times(), last, reminded, now_time);
            if due.is_some_and(|due| due <= now_time) {
                reminded = plan.deadline;
                at.push(now);
            }
        }
        at
    }

    #[test]
    fn one_reminder_half_an_hour_before_for_who_used_it_lately() {
        let hour = 3600;
        assert_eq!(reminders(plan(DAY), &[2 * hour], 2 * DAY), [DAY - 1800]);
        // first used within the last half hour
        assert_eq!(reminders(plan(DAY), &[DAY - 600], 2 * DAY), [DAY - 600]);
        // idle, and idle for more than a day
        assert!(reminders(plan(DAY), &[], 2 * DAY).is_empty());
        assert!(reminders(plan(7 * DAY), &[5 * DAY], 8 * DAY).is_empty());
        assert_eq!(
            reminders(plan(7 * DAY), &[6 * DAY], 8 * DAY),
            [7 * DAY - 1800]
        );
        // used only after the end
        assert!(reminders(plan(DAY), &[DAY + 60], 2 * DAY).is_empty());
    }

    #[test]
    fn short_logins_are_half_over_first() {
        assert_eq!(reminders(plan(600), &[0], 1200), [300]);
    }

    #[test]
    fn none_where_no_person_is_needed() {
        let renews = Plan {
            renew_at: Some(UnixTime(IAT + DAY - 900)),
            ..plan(DAY)
        };
        let endless = Plan {
            deadline: None,
            renew_at: None,
        };
        for plan in [renews, endless] {
            assert!(reminders(plan, &[0, DAY - 60], 2 * DAY).is_empty());
            assert!(!plan.ends_soon(times(), UnixTime(IAT + DAY - 60)));
        }
    }

    #[test]
    fn it_is_known_when_to_look_again() {
        let at = |now, reminded| due(plan(DAY), times(), None, reminded, UnixTime(IAT + now));
        assert_eq!(at(0, None), Some(UnixTime(IAT + DAY - 1800)));
        assert_eq!(at(DAY - 60, None), None);
        assert_eq!(at(0, Some(UnixTime(IAT + DAY))), None);
        // a new login has a new deadline
        assert_eq!(at(0, Some(UnixTime(IAT))), Some(UnixTime(IAT + DAY - 1800)));
        assert!(plan(DAY).ends_soon(times(), UnixTime(IAT + DAY - 1800)));
        assert!(!plan(DAY).ends_soon(times(), UnixTime(IAT + DAY - 1801)));
        assert!(!plan(DAY).ends_soon(times(), UnixTime(IAT + DAY + 1)));
    }
}
