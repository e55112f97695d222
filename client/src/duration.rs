//! Durations on the command line.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// Reads a duration such as `30m`, `8h`, `1h30m` or `7d`: at least a second. A day has 24 hours.
pub fn parse(text: &str) -> Result<Duration, String> {
    let span = text.parse::<Span>();
    let duration = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    let duration = duration.ok().and_then(|duration| duration.try_into().ok());
    duration
        .filter(|duration| *duration >= Duration::from_secs(1))
        .ok_or_else(|| "use e.g. 30m, 8h, 1h30m or 7d, at least 1s".to_owned())
}

/// Reads a duration for which the agent waits for a person.
pub fn at_most_ten_minutes(text: &str) -> Result<Duration, String> {
    let duration = parse(text).ok();
    duration
        .filter(|duration| *duration <= Duration::from_secs(600))
        .ok_or_else(|| "use e.g. 90s or 5m, from 1s to 10m".to_owned())
}

#[cfg(test)]
mod tests;
