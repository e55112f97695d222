//! Deadlines: created once at the start of the work, and passed to all of its steps.

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

#[cfg(test)]
mod tests {
    use super::*;

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
