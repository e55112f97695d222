//! One word before a deadline that only a person can move, to somebody who used the account
//! lately. Nothing for accounts that renew by themselves, and nothing for idle ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use opkssh_protocol::config::OnDemand;
use opkssh_protocol::control::Asking;
use opkssh_protocol::pk_token::TokenTimes;
use opkssh_protocol::time::UnixTime;
use tokio::sync::watch;

use super::on_demand::Window;
use crate::accounts::renewal::plan::Plan;
use crate::accounts::{Account, Accounts};
use crate::desktop::notification::Answer;
use crate::notices::Cause;

/// Seconds before the deadline, at most …
const MOST_AHEAD: i64 = 30 * 60;
/// … and at most this part of the whole time: short logins need no reminder as soon as they begin.
const PART_AHEAD: i64 = 2;
/// An account was used lately if it signed within this many seconds: a day. (Not since midnight:
/// who works late is at it, too.)
const LATELY: i64 = 24 * 3600;
/// Sleeping longer would miss that the machine slept or its clock was set.
const LONGEST_SLEEP: Duration = Duration::from_secs(5 * 60);
/// Nothing is due before something changes.
const NOTHING_AHEAD: Duration = Duration::from_secs(24 * 3600);

/// What is remembered of an account from one look to the next.
#[derive(Default)]
struct Seen {
    signatures: u64,
    used: Option<UnixTime>,
    /// The deadline of the last reminder.
    reminded: Option<UnixTime>,
}

/// Is it time for a reminder?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Now,
    At(UnixTime),
    /// Not until something changes.
    Never,
}

/// From when on the deadline is near; `None`: there is none that a person has to move.
fn near_from(plan: Plan, times: TokenTimes) -> Option<UnixTime> {
    let deadline = plan.deadline.filter(|_| plan.renew_at.is_none())?;
    let whole = deadline.since(times.issued_at.unwrap_or(UnixTime(0)));
    Some(deadline.plus(-MOST_AHEAD.min(whole / PART_AHEAD)))
}

/// Does the login end soon, and only a person can go on?
pub(in crate::accounts) fn ends_soon(plan: Plan, times: TokenTimes, now: UnixTime) -> bool {
    plan.is_usable(now) && near_from(plan, times).is_some_and(|from| now >= from)
}

/// Pure. `used` is when the account signed last, `reminded` the deadline of the last reminder.
fn due(
    plan: Plan,
    times: TokenTimes,
    used: Option<UnixTime>,
    reminded: Option<UnixTime>,
    now: UnixTime,
) -> Due {
    let Some(from) = near_from(plan, times) else {
        return Due::Never;
    };
    if reminded == plan.deadline || !plan.is_usable(now) {
        Due::Never
    } else if now < from {
        Due::At(from)
    } else if used.is_some_and(|used| now.since(used) <= LATELY) {
        Due::Now
    } else {
        Due::Never
    }
}

impl Accounts {
    /// Reminds for as long as the daemon runs.
    pub async fn keep_reminding(self: Arc<Self>) {
        let mut changed = self.changed.subscribe();
        let mut used = self.held.used();
        let mut seen = BTreeMap::new();
        loop {
            let next = self.remind(&used.borrow_and_update().clone(), &mut seen);
            let now = self.clock.now();
            let wait = next.map_or(NOTHING_AHEAD, |next| {
                Duration::from_secs(u64::try_from(next.since(now)).unwrap_or(0)).min(LONGEST_SLEEP)
            });
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = changed.changed() => {}
                _ = used.changed() => {}
            }
        }
    }

    /// Whatever is due now; says when something will be.
    fn remind(
        self: &Arc<Self>,
        used: &BTreeMap<String, u64>,
        seen: &mut BTreeMap<String, Seen>,
    ) -> Option<UnixTime> {
        let accounts: Vec<_> = self.lock().values().cloned().collect();
        let mut next = None;
        for account in accounts {
            let alias = &account.alias;
            let (plan, times) = self.planned(&account);
            let now = self.clock.now();
            let seen = seen.entry(alias.clone()).or_default();
            let signatures = used.get(alias).copied().unwrap_or_default();
            if seen.signatures != signatures {
                (seen.signatures, seen.used) = (signatures, Some(now));
            }
            let due = due(plan, times, seen.used, seen.reminded, now);
            match (due, plan.deadline) {
                (Due::Now, Some(deadline)) => {
                    seen.reminded = Some(deadline);
                    tokio::spawn(self.clone().remind_of(account, deadline));
                }
                (Due::At(at), _) => next = Some(next.map_or(at, |next: UnixTime| next.min(at))),
                _ => {}
            }
        }
        next
    }

    async fn remind_of(self: Arc<Self>, account: Arc<Account>, deadline: UnixTime) {
        let on_demand = self.settings.of(&account.state().record).on_demand;
        let alias = &account.alias.clone();
        // a lock while the person is waited for must leave nothing of it in memory
        drop(account);
        if on_demand == OnDemand::Off {
            return;
        }
        let left = deadline.since(self.clock.now()).max(0);
        let summary = match left {
            0..120 => format!("Your login \"{alias}\" ends soon"),
            left => format!("Your login \"{alias}\" ends in {} minutes", left / 60),
        };
        let mut shown = match self.offer_login(alias, &summary).await {
            Ok(shown) => shown,
            Err(error) => {
                self.held.notices.tell(
                    Cause::Reminder(alias.clone()),
                    format!("the login {alias} ends soon: opkssh login {alias} ({error})"),
                );
                return;
            }
        };
        let left = Duration::from_secs(left.unsigned_abs());
        let answer = tokio::select! {
            answer = tokio::time::timeout(left, shown.answer()) => answer.unwrap_or(Answer::None),
            () = self.until_moved(alias, deadline) => Answer::None,
        };
        shown.close().await;
        if answer == Answer::LogIn {
            self.log_in_for(alias, Asking::default(), Window::Always)
                .await;
        }
    }

    /// Ends when the deadline has moved, or the account is no more.
    async fn until_moved(&self, alias: &str, deadline: UnixTime) {
        let mut changed: watch::Receiver<()> = self.changed.subscribe();
        loop {
            let now_held = self.lock().get(alias).cloned();
            match now_held {
                Some(held) if self.planned(&held).0.deadline == Some(deadline) => {}
                _ => return,
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    fn planned(&self, account: &Account) -> (Plan, TokenTimes) {
        let state = account.state();
        (self.plan(&state), state.credentials.times())
    }
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
            if due(plan, times(), last, reminded, UnixTime(IAT + now)) == Due::Now {
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
            assert!(!ends_soon(plan, times(), UnixTime(IAT + DAY - 60)));
        }
    }

    #[test]
    fn it_is_known_when_to_look_again() {
        let at = |now, reminded| due(plan(DAY), times(), None, reminded, UnixTime(IAT + now));
        assert_eq!(at(0, None), Due::At(UnixTime(IAT + DAY - 1800)));
        assert_eq!(at(DAY - 60, None), Due::Never);
        assert_eq!(at(0, Some(UnixTime(IAT + DAY))), Due::Never);
        // a new login has a new deadline
        assert_eq!(
            at(0, Some(UnixTime(IAT))),
            Due::At(UnixTime(IAT + DAY - 1800))
        );
        assert!(ends_soon(plan(DAY), times(), UnixTime(IAT + DAY - 1800)));
        assert!(!ends_soon(plan(DAY), times(), UnixTime(IAT + DAY - 1801)));
        assert!(!ends_soon(plan(DAY), times(), UnixTime(IAT + DAY + 1)));
    }
}
