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

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
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
mod tests;
