//! Formats times, and shell commands.

use std::time::SystemTime;

use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;
use opkssh_protocol::time::UnixTime;

/// Returns the local time to the minute, or the number of seconds if it is outside of the calendar.
pub fn local_time(time: UnixTime) -> String {
    match zoned(time) {
        Some(zoned) => zoned.strftime("%Y-%m-%d %H:%M %Z").to_string(),
        None => time.0.to_string(),
    }
}

/// Returns the local time to the second, without the zone.
pub fn local_time_with_seconds(time: UnixTime) -> String {
    match zoned(time) {
        Some(zoned) => zoned.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        None => time.0.to_string(),
    }
}

/// Returns the local time to the minute, with the date if that is not today.
pub fn time_of_day(time: UnixTime, now: UnixTime) -> String {
    match (zoned(time), zoned(now)) {
        (Some(time), Some(now)) if time.date() == now.date() => time.strftime("%H:%M").to_string(),
        _ => local_time(time),
    }
}

fn zoned(time: UnixTime) -> Option<jiff::Zoned> {
    let timestamp = jiff::Timestamp::from_second(time.0).ok()?;
    Some(timestamp.to_zoned(jiff::tz::TimeZone::system()))
}

/// Returns `text` as one word of a shell command, in single quotes if it needs them.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Returns the command that logs in to the account `alias`, or without one to the default account.
pub fn login_command(alias: Option<&str>) -> String {
    match alias {
        Some(alias) => format!("opkssh login {}", printable(alias)),
        None => "opkssh login".to_owned(),
    }
}

/// Returns `opkssh agent WORD`, as it is typed for this agent.
pub fn agent_command(word: &str, places: &Places) -> String {
    match places.separate_socket() {
        Some(socket) => {
            let socket = quoted(&socket.to_string_lossy());
            format!("opkssh agent {word} --socket {socket}")
        }
        None => format!("opkssh agent {word}"),
    }
}

/// Returns the current time.
pub fn now() -> UnixTime {
    SystemTime::now().into()
}

#[cfg(test)]
mod tests;
