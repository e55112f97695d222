//! Text from elsewhere made fit for a terminal, and times as a person reads them.

use std::time::SystemTime;

use opkssh_protocol::time::UnixTime;

/// `text` with control characters escaped: an address or a message from a provider must not be
/// able to steer the terminal.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_direction_mark(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

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

fn is_direction_mark(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shown_steers_the_terminal() {
        assert_eq!(
            printable("a\u{1b}[2Jb\nc\u{202e}d"),
            "a\\u{1b}[2Jb\\nc\\u{202e}d"
        );
        assert_eq!(printable("älice@例え.jp"), "älice@例え.jp");
    }
}
