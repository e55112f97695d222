//! Deadlines, created once at the start of a piece of work and passed to its steps; durations as
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

/// Durations to show where another text was written.
pub(crate) const EXAMPLES: &str = "30m, 8h, 1h30m or 7d";

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
mod tests;
