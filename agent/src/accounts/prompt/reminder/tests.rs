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
