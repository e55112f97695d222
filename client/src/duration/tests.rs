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
    let expected = "use e.g. 30m, 8h, 1h30m or 7d, at least 1s";
    for text in ["0s", "-1h", "999ms", "soon", "30", "1y", ""] {
        assert_eq!(parse(text).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn a_person_is_waited_for_ten_minutes_at_most() {
    assert_eq!(at_most_ten_minutes("10m"), Ok(Duration::from_secs(600)));
    for text in ["601s", "0s", "soon"] {
        let expected = "use e.g. 90s or 5m, from 1s to 10m";
        assert_eq!(at_most_ten_minutes(text).unwrap_err(), expected);
    }
}
