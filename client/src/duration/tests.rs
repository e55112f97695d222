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
