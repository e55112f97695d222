//! The limit of entries that another machine can cause as often as it likes, so that they do not
//! push out older ones. Applied before the queue, so that they cost the writer's thread nothing.

use std::time::{Duration, Instant};

/// Limited entries that are written in each period.
const MAX_WRITTEN: u64 = 1000;
const PERIOD: Duration = Duration::from_secs(3600);

/// The limited entries of a period.
#[derive(Default)]
pub struct Limit {
    /// `None` before the first one.
    since: Option<Instant>,
    written: u64,
    omitted: u64,
}

impl Limit {
    /// Counts an entry; returns true if it is to be written.
    pub fn count(&mut self, now: Instant) -> bool {
        if self.omitted == 0 && self.left(now).is_none_or(|left| left.is_zero()) {
            *self = Self {
                since: Some(now),
                ..Self::default()
            };
        }
        let is_written = self.written < MAX_WRITTEN;
        match is_written {
            true => self.written += 1,
            false => self.omitted += 1,
        }
        is_written
    }

    /// Returns how long the period still lasts. Known from its first entry on, which wakes the writer's thread,
    /// as omitted ones do not.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        let since = self.since?;
        Some(PERIOD.saturating_sub(now.saturating_duration_since(since)))
    }

    /// Returns the number of entries that were omitted, if the period is over, or the agent ends.
    pub fn end(&mut self, now: Instant, is_last: bool) -> u64 {
        if !(is_last || self.left(now).is_some_and(|left| left.is_zero())) {
            return 0;
        }
        std::mem::take(self).omitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn omitted_entries_are_told_once_when_the_period_ends() {
        let (start, mut limit) = (Instant::now(), Limit::default());
        assert_eq!(limit.left(start), None);
        assert!((0..MAX_WRITTEN).all(|_| limit.count(start)));
        assert_eq!(limit.left(start), Some(PERIOD));
        assert!((0..7).all(|_| !limit.count(start + PERIOD / 2)));
        assert_eq!(limit.end(start + PERIOD / 2, false), 0);
        assert!(!limit.count(start + PERIOD), "before the others are told");
        assert_eq!(limit.end(start + PERIOD, false), 8);
        assert_eq!(limit.end(start + PERIOD, true), 0);
        assert!(limit.count(start + PERIOD));
    }
}
