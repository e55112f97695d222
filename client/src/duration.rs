//! Durations on the command line.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// Reads a duration such as `30m`, `8h`, `1h30m` or `7d`: at least a second. A day has 24 hours.
pub fn parse(text: &str) -> Result<Duration, String> {
    let span = text.parse::<Span>();
    let duration = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    match duration.map_err(|error| error.to_string())?.try_into() {
        Ok(duration) if duration >= Duration::from_secs(1) => Ok(duration),
        _ => Err("it must be at least 1s".to_owned()),
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
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["0s", "-1h", "999ms"] {
            assert_eq!(parse(text).unwrap_err(), "it must be at least 1s");
        }
        for text in ["soon", "30", "1y", ""] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
