//! Deadlines, created once at the start of the work and passed to all of its steps; durations as
//! text.

use std::time::{Duration, Instant};

/// A point in time that no step may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// Returns the deadline that is `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// Returns the remaining time; zero if the deadline has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Returns the earlier of this deadline and `limit` from now.
    #[must_use]
    pub fn at_most(self, limit: Duration) -> Self {
        self.min(Self::after(limit))
    }
}

/// Returns rounded seconds, for messages.
pub(crate) fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64().round()
}

/// Parses `90s`, `15m`, `8h`, `3d`, `2w`, or several of them (`1h30m`), in seconds.
pub(crate) fn parse_seconds(text: &str) -> Option<i64> {
    let mut total: i64 = 0;
    let mut digits = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        let number: i64 = digits.parse().ok()?;
        total = total.checked_add(number.checked_mul(unit)?)?;
        digits.clear();
    }
    (digits.is_empty() && !text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("0s", 0),
            ("90s", 90),
            ("15m", 900),
            ("1h30m", 5400),
            ("2w1d", 1_296_000),
        ] {
            assert_eq!(parse_seconds(text), Some(seconds), "{text}");
        }
        for text in [
            "",
            "5",
            "h",
            "-1h",
            "1.5h",
            "1 h",
            "1y",
            "99999999999999999999s",
        ] {
            assert_eq!(parse_seconds(text), None, "{text}");
        }
        assert_eq!(parse_seconds("9223372036854775807w"), None);
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_step_gets_its_limit_or_what_is_left_of_the_whole() {
        let whole = Deadline::after(HOUR);
        assert_eq!(whole.at_most(2 * HOUR), whole);
        assert!(whole.at_most(HOUR / 2) < whole);
        assert!(whole.remaining() <= HOUR);
        let past = Deadline::after(Duration::ZERO);
        assert_eq!(past.at_most(HOUR).remaining(), Duration::ZERO);
    }

    #[test]
    fn messages_say_whole_seconds() {
        let text = |millis| seconds(Duration::from_millis(millis)).to_string();
        assert_eq!([text(9_999), text(300)], ["10", "0"]);
    }
}
