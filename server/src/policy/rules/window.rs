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
    /// Returns why a rule does not apply at this time; `None`: it does.
    pub fn why_closed(&self, now: UnixTime, zone: &TimeZone) -> Option<String> {
        if let Some(first) = self.not_before.filter(|first| now < *first) {
            return Some(format!("not_before is {first}"));
        }
        if let Some(last) = self.not_after.filter(|last| now > *last) {
            return Some(format!("not_after is {last}"));
        }
        if self.hours.is_empty() {
            return None;
        }
        let Ok(timestamp) = Timestamp::from_second(now.0) else {
            return Some("the clock is out of range".to_owned());
        };
        let local = timestamp.to_zoned(zone.clone());
        let (day, time) = (local.weekday(), local.time());
        let is_open = self.hours.iter().any(|hours| {
            (hours.days.is_empty() || hours.days.contains(&day))
                && time >= hours.from
                && hours.to.is_none_or(|to| time < to)
        });
        let said = || {
            format!(
                "it is {}, outside of `hours`",
                local.strftime("%a %H:%M %Z")
            )
        };
        (!is_open).then(said)
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
mod tests;
