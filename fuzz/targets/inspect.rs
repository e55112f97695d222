//! `opkssh inspect`: whatever file somebody was sent.

use opkssh_protocol::inspect;

pub fn run(text: &str) {
    if let Ok(shown) = inspect::render(text, &jiff::tz::TimeZone::UTC) {
        let escapes = shown
            .chars()
            .any(|c| c.is_control() && c != '\n' && c != '\t');
        assert!(!escapes, "a terminal must not be steered: {shown:?}");
    }
}
