//! Durations on the command line.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// A duration on the command line, such as `30m`, `8h`, `1h30m` or `7d`: at least a second. A day
/// has 24 hours. Displayed as seconds (`1800s`), which can be parsed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationArg(Duration);

impl DurationArg {
    pub fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub fn as_secs(self) -> i64 {
        self.0.as_secs().try_into().unwrap_or(i64::MAX)
    }
}

impl FromStr for DurationArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let duration = text
            .parse::<Span>()
            .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
            .map_err(|error| error.to_string())?;
        match Duration::try_from(duration) {
            Ok(duration) if duration >= Duration::from_secs(1) => Ok(Self(duration)),
            _ => Err("it must be at least 1s".to_owned()),
        }
    }
}

impl From<DurationArg> for Duration {
    fn from(duration: DurationArg) -> Self {
        duration.0
    }
}

impl fmt::Display for DurationArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_second_or_more() {
        for (text, seconds) in [
            ("1s", 1),
            ("90s", 90),
            ("30m", 1800),
            ("8h", 28800),
            ("1h30m", 5400),
            ("7d", 604_800),
            ("1000h", 3_600_000),
        ] {
            let parsed: DurationArg = text.parse().unwrap();
            assert_eq!(parsed, DurationArg::from_secs(seconds));
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
        for text in ["0s", "-1h", "999ms"] {
            assert_eq!(
                text.parse::<DurationArg>().unwrap_err(),
                "it must be at least 1s"
            );
        }
        for text in ["soon", "30", "1y", ""] {
            assert!(text.parse::<DurationArg>().is_err(), "{text}");
        }
    }
}
