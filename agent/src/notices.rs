//! What the person should know: shown by `status`, and warnings for the log.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Notices kept for `status`.
const MAX_NOTICES: usize = 20;
/// The same warning is written no more often than this.
const WARN_AGAIN: Duration = Duration::from_secs(60);
/// Different warnings in that time.
const MAX_WRITTEN: usize = 100;

#[derive(Default)]
pub struct Notices {
    notices: Mutex<VecDeque<String>>,
    written: Mutex<Written>,
}

impl Notices {
    /// Keeps something for `status`, once, however often it happens.
    pub fn tell(&self, text: String) {
        self.warn(&text);
        let mut notices = self
            .notices
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        notices.retain(|notice| *notice != text);
        notices.push_back(text);
        if notices.len() > MAX_NOTICES {
            notices.pop_front();
        }
    }

    /// Writes a warning to the log. Peers cause these as often as they like, so the same text is
    /// written once a minute.
    pub fn warn(&self, text: &str) {
        let mut written = self
            .written
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if written.admits(text, Instant::now()) {
            tracing::warn!("{text}");
        }
    }

    /// Returns what was told, the latest last.
    pub fn list(&self) -> Vec<String> {
        let notices = self
            .notices
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        notices.iter().cloned().collect()
    }
}

/// What the log was told lately.
#[derive(Default)]
struct Written(VecDeque<(String, Instant)>);

impl Written {
    /// Returns true if `text` is to be written at `now`; it then counts as written.
    fn admits(&mut self, text: &str, now: Instant) -> bool {
        self.0
            .retain(|(_, at)| now.saturating_duration_since(*at) < WARN_AGAIN);
        if self.0.len() == MAX_WRITTEN || self.0.iter().any(|(written, _)| written == text) {
            return false;
        }
        self.0.push_back((text.to_owned(), now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_that_comes_back_is_still_one() {
        let notices = Notices::default();
        for _ in 0..100 {
            for text in ["a", "b", "c"] {
                notices.tell(text.to_owned());
            }
        }
        assert_eq!(notices.list(), ["a", "b", "c"]);
        notices.tell("a".to_owned());
        assert_eq!(notices.list(), ["b", "c", "a"], "the latest last");
        for number in 0..MAX_NOTICES {
            notices.tell(number.to_string());
        }
        assert_eq!(notices.list().len(), MAX_NOTICES);
    }

    #[test]
    fn the_log_hears_the_same_thing_once_a_minute() {
        let mut written = Written::default();
        let start = Instant::now();
        assert!(written.admits("a", start));
        assert!(written.admits("b", start));
        assert!(!written.admits("a", start + WARN_AGAIN / 2));
        assert!(written.admits("a", start + WARN_AGAIN));
        assert!(!written.admits("a", start + WARN_AGAIN));
        // nor is it filled with ever new ones
        let later = start + 3 * WARN_AGAIN;
        let admitted = (0..1000).filter(|number| written.admits(&number.to_string(), later));
        assert_eq!(admitted.count(), MAX_WRITTEN);
    }
}
