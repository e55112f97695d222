//! `opkssh inspect`: whatever file somebody was sent.

#![no_main]

use libfuzzer_sys::fuzz_target;
use opkssh_protocol::inspect;

fuzz_target!(|text: &str| {
    if let Ok(shown) = inspect::render(text, &jiff::tz::TimeZone::UTC) {
        let escapes = shown
            .chars()
            .any(|c| c.is_control() && c != '\n' && c != '\t');
        assert!(!escapes, "a terminal must not be steered: {shown:?}");
    }
});
