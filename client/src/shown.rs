//! Times as a person reads them, and words as a shell does.

use std::time::SystemTime;

use opkssh_protocol::time::UnixTime;

/// Local time to the minute; the number when it is outside of the calendar.
pub fn local_time(time: UnixTime) -> String {
    match jiff::Timestamp::from_second(time.0) {
        Ok(timestamp) => timestamp
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%Y-%m-%d %H:%M %Z")
            .to_string(),
        Err(_) => time.0.to_string(),
    }
}

/// As a word of a shell command: in single quotes where a shell would read more than a word;
/// plain otherwise, as OpenSSH's programs do.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

pub fn now() -> UnixTime {
    SystemTime::now().into()
}
