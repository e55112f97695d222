//! What the options of `opkssh log` select.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use opkssh_protocol::audit::AuditHost;
use opkssh_protocol::patterns::matches_host;
use opkssh_protocol::time::UnixTime;

use crate::duration;
use crate::format::now;

/// Reads a duration before now, or a date or time, which is local unless it has a zone.
pub fn since(text: &str) -> Result<UnixTime, String> {
    let ago = |duration: Duration| {
        let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        now().plus(seconds.saturating_neg())
    };
    if let Ok(duration) = duration::parse(text) {
        return Ok(ago(duration));
    }
    let local = |time: DateTime| {
        time.to_zoned(TimeZone::system())
            .ok()
            .map(|it| it.timestamp())
    };
    let time = text.parse::<jiff::Timestamp>().ok();
    let time = time.or_else(|| text.parse().ok().and_then(local));
    time.map(|time| UnixTime(time.as_second()))
        .ok_or_else(|| "use e.g. 2h, 3d, 2026-12-31 or \"2026-12-31 12:00\"".to_owned())
}

/// Returns true if `wanted` is the fingerprint of the host's key, or matches one of its names.
pub fn is_of_host(host: &AuditHost, wanted: &str) -> bool {
    host.host_key == wanted
        || host.names.iter().any(|name| {
            let bare = name
                .strip_prefix('[')
                .and_then(|name| name.split_once("]:"));
            let bare = bare.map_or(&name[..], |(bare, _port)| bare);
            matches_host(wanted, name) || matches_host(wanted, bare)
        })
}
