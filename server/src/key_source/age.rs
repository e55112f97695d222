//! How long cached keys are valid. Pure: the time is an argument.

use std::time::Duration;

use opkssh_protocol::time::{CLOCK_SKEW, UnixTime};

use super::Entry;

/// Longest time before keys are fetched again.
const MAX_FRESH: Duration = Duration::from_secs(3600);
/// Shortest: otherwise each verify of a login would ask a provider that sends `no-store`.
const MIN_FRESH: Duration = Duration::from_secs(60);
const STALE_IF_ERROR: Duration = Duration::from_secs(24 * 3600);
/// Minimum seconds between requests to a provider, so that garbage cannot cause many requests. It
/// also limits how long a new key stays unknown.
const BETWEEN_REQUESTS: i64 = 30;
/// The same while there are no usable keys.
const BETWEEN_REQUESTS_WITHOUT_KEYS: i64 = 5;

/// Times set by the server configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    fresh: Duration,
    /// Counts from the time of the fetch.
    pub stale_if_error: Duration,
}

impl Default for Bounds {
    /// Returns 1 hour and 24 hours.
    fn default() -> Self {
        Self {
            fresh: MAX_FRESH,
            stale_if_error: STALE_IF_ERROR,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// Use without a request.
    Fresh,
    /// Request new keys; use these if the request fails.
    StaleIfError,
    /// Request new keys; do not use these.
    Expired,
    /// Dated in the future: treat as missing.
    NotYet,
}

impl Bounds {
    /// Clamps `fresh` to between a minute and an hour.
    pub fn new(fresh: Duration, stale_if_error: Duration) -> Self {
        Self {
            fresh: fresh.clamp(MIN_FRESH, MAX_FRESH),
            stale_if_error,
        }
    }

    /// Returns the usability of the keys of `entry` at `now`.
    pub fn standing(&self, entry: &Entry, now: UnixTime) -> KeyUse {
        let age = now.since(entry.fetched);
        if age < -CLOCK_SKEW {
            return KeyUse::NotYet;
        }
        let fresh = entry
            .max_age
            .map_or(self.fresh, Duration::from_secs)
            .clamp(MIN_FRESH, self.fresh);
        if age < seconds(fresh) {
            KeyUse::Fresh
        } else if age < seconds(self.stale_if_error) {
            KeyUse::StaleIfError
        } else {
            KeyUse::Expired
        }
    }

    /// Returns the seconds until the provider may be asked again; `None`: now.
    pub fn must_wait(&self, asked: UnixTime, has_keys: bool, now: UnixTime) -> Option<i64> {
        let pause = match has_keys {
            true => BETWEEN_REQUESTS,
            false => BETWEEN_REQUESTS_WITHOUT_KEYS,
        };
        left_of(pause, asked, now)
    }
}

/// Returns the seconds until userinfo may be requested again from a provider that did not answer at
/// `asked`; `None`: now.
pub fn userinfo_must_wait(asked: UnixTime, now: UnixTime) -> Option<i64> {
    left_of(BETWEEN_REQUESTS, asked, now)
}

fn left_of(pause: i64, asked: UnixTime, now: UnixTime) -> Option<i64> {
    let ago = now.since(asked);
    // a clock that was set back must not block requests
    (0..pause).contains(&ago).then(|| pause - ago)
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn entry(max_age: Option<u64>) -> Entry {
        Entry {
            issuer: "https://op.example".into(),
            fetched: UnixTime(1_000_000),
            max_age,
            document: "{}".into(),
        }
    }

    fn standing(max_age: Option<u64>, age: i64) -> KeyUse {
        Bounds::default().standing(&entry(max_age), UnixTime(1_000_000 + age))
    }

    #[test]
    fn an_hour_at_most_whatever_the_provider_says() {
        for max_age in [None, Some(3600), Some(u64::MAX)] {
            assert_eq!(standing(max_age, HOUR - 1), KeyUse::Fresh);
            assert_eq!(standing(max_age, HOUR), KeyUse::StaleIfError);
        }
        assert_eq!(standing(Some(300), 299), KeyUse::Fresh);
        assert_eq!(standing(Some(300), 300), KeyUse::StaleIfError);
        // no-store
        assert_eq!(standing(Some(0), 59), KeyUse::Fresh);
        assert_eq!(standing(Some(0), 60), KeyUse::StaleIfError);
    }

    #[test]
    fn a_day_where_the_provider_is_down() {
        assert_eq!(standing(None, 24 * HOUR - 1), KeyUse::StaleIfError);
        assert_eq!(standing(None, 24 * HOUR), KeyUse::Expired);
        let short = Bounds::new(Duration::from_secs(3600), Duration::from_secs(7200));
        let at = |age| short.standing(&entry(None), UnixTime(1_000_000 + age));
        assert_eq!(at(2 * HOUR - 1), KeyUse::StaleIfError);
        assert_eq!(at(2 * HOUR), KeyUse::Expired);
        let none = Bounds::new(Duration::from_secs(3600), Duration::ZERO);
        assert_eq!(
            none.standing(&entry(None), UnixTime(1_000_000 + HOUR)),
            KeyUse::Expired
        );
    }

    #[test]
    fn keys_from_the_future_count_for_nothing() {
        assert_eq!(standing(None, -60), KeyUse::Fresh);
        assert_eq!(standing(None, -61), KeyUse::NotYet);
    }

    #[test]
    fn one_request_in_thirty_seconds() {
        let wait = |ago: i64, has_keys| {
            Bounds::default().must_wait(UnixTime(1000), has_keys, UnixTime(1000 + ago))
        };
        assert_eq!(wait(0, true), Some(30));
        assert_eq!(wait(29, true), Some(1));
        assert_eq!(wait(30, true), None);
        assert_eq!(wait(-1, true), None);
        assert_eq!(wait(4, false), Some(1));
        assert_eq!(wait(5, false), None);
    }
}
