//! Time as an argument: this crate has no clock.

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z, as in a JWT's NumericDate (RFC 7519 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// This time moved by `seconds`; stays at the end of the range instead of wrapping.
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this time; negative when this time is the earlier one.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl From<std::time::SystemTime> for UnixTime {
    /// A clock before 1970 reads as 0.
    fn from(time: std::time::SystemTime) -> Self {
        let seconds = time
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        Self(i64::try_from(seconds).unwrap_or(i64::MAX))
    }
}

impl std::fmt::Display for UnixTime {
    /// RFC 3339 in UTC, or the number when it is outside of the calendar.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

/// How far a provider's clock may run ahead of ours: the one skew allowance, in seconds.
/// The Go client uses the same number.
pub const CLOCK_SKEW: i64 = 60;
