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
mod tests;
