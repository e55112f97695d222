//! When a rule applies: days and hours, first and last day.

use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use opkssh_protocol::time::UnixTime;

/// Hours of some days. Empty `days` means all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    pub days: Vec<Weekday>,
    pub from: Time,
    /// Exclusive; `None` is midnight.
    pub to: Option<Time>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    pub not_before: Option<UnixTime>,
    pub not_after: Option<UnixTime>,
    /// Any of these; empty means always.
    pub hours: Vec<Hours>,
}

impl Window {
    pub fn is_open(&self, now: UnixTime, zone: &TimeZone) -> bool {
        if self.not_before.is_some_and(|first| now < first)
            || self.not_after.is_some_and(|last| now > last)
        {
            return false;
        }
        if self.hours.is_empty() {
            return true;
        }
        let Ok(timestamp) = Timestamp::from_second(now.0) else {
            return false;
        };
        let local = timestamp.to_zoned(zone.clone());
        let (day, time) = (local.weekday(), local.time());
        self.hours.iter().any(|hours| {
            (hours.days.is_empty() || hours.days.contains(&day))
                && time >= hours.from
                && hours.to.is_none_or(|to| time < to)
        })
    }
}

/// Parses `mon` … `sun`.
pub fn day(name: &str) -> Option<Weekday> {
    Some(match name {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        _ => return None,
    })
}

/// Parses `HH:MM`; `24:00` becomes `None`.
pub fn time(text: &str) -> Option<Option<Time>> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        (text.len() == 2 && text.bytes().all(|c| c.is_ascii_digit()))
            .then(|| text.parse::<i8>().ok())
            .flatten()
    };
    match (number(hour)?, number(minute)?) {
        (24, 0) => Some(None),
        (hour, minute) => Time::new(hour, minute, 0, 0).ok().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn office_hours_where_the_office_is() {
        let window = Window {
            hours: vec![Hours {
                days: vec![Weekday::Monday],
                from: time("08:00").unwrap().unwrap(),
                to: time("18:00").unwrap(),
            }],
            ..Window::default()
        };
        let berlin = TimeZone::fixed(jiff::tz::offset(1));
        let at = |text: &str| UnixTime(text.parse::<Timestamp>().unwrap().as_second());
        assert!(window.is_open(at("2026-11-23T07:00:00Z"), &berlin)); // 08:00, a Monday
        assert!(window.is_open(at("2026-11-23T16:59:59Z"), &berlin));
        assert!(!window.is_open(at("2026-11-23T17:00:00Z"), &berlin));
        assert!(!window.is_open(at("2026-11-23T06:59:59Z"), &berlin));
        assert!(!window.is_open(at("2026-11-24T09:00:00Z"), &berlin)); // Tuesday
        assert!(!window.is_open(at("2026-11-23T07:00:00Z"), &TimeZone::UTC));
        assert!(!window.is_open(UnixTime(i64::MAX), &berlin));
    }

    #[test]
    fn first_and_last_second() {
        let window = Window {
            not_before: Some(UnixTime(100)),
            not_after: Some(UnixTime(200)),
            hours: vec![],
        };
        for (now, open) in [(99, false), (100, true), (200, true), (201, false)] {
            assert_eq!(window.is_open(UnixTime(now), &TimeZone::UTC), open, "{now}");
        }
    }

    #[test]
    fn times_of_day() {
        assert_eq!(time("24:00"), Some(None));
        assert!(time("00:00").unwrap().is_some());
        for text in [
            "", "8:00", "08:0", "24:01", "25:00", "08:60", "+8:00", "08-00",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
