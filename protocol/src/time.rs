//! Time values. This crate has no clock: the time is an argument.

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z, as in a JWT's NumericDate (RFC 7519 section 2).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// Returns this time moved by `seconds`; saturates at the end of the range.
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Returns the seconds from `earlier` to this time; negative if this time is earlier.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl From<std::time::SystemTime> for UnixTime {
    /// Converts a system time; times before 1970 become 0.
    fn from(time: std::time::SystemTime) -> Self {
        let seconds = time
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        Self(i64::try_from(seconds).unwrap_or(i64::MAX))
    }
}

impl std::fmt::Display for UnixTime {
    /// Writes RFC 3339 in UTC, or the number if it is outside the calendar.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

/// Clock skew allowed for a provider whose clock is ahead, in seconds. Same value as in Go.
pub const CLOCK_SKEW: i64 = 60;
