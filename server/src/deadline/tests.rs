use super::*;

#[test]
fn durations() {
    for (text, seconds) in [
        ("0s", 0),
        ("90s", 90),
        ("15m", 900),
        ("1h30m", 5400),
        ("2w1d", 1_296_000),
    ] {
        assert_eq!(parse_seconds(text), Some(seconds), "{text}");
    }
    for text in [
        "",
        "5",
        "h",
        "-1h",
        "1.5h",
        "1 h",
        "1y",
        "99999999999999999999s",
    ] {
        assert_eq!(parse_seconds(text), None, "{text}");
    }
    assert_eq!(parse_seconds("9223372036854775807w"), None);
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_step_gets_its_limit_or_what_is_left_of_the_whole() {
    let whole = Deadline::after(HOUR);
    assert_eq!(whole.at_most(2 * HOUR), whole);
    assert!(whole.at_most(HOUR / 2) < whole);
    assert!(whole.remaining() <= HOUR);
    let past = Deadline::after(Duration::ZERO);
    assert_eq!(past.at_most(HOUR).remaining(), Duration::ZERO);
}

#[test]
fn messages_say_whole_seconds() {
    let text = |millis| seconds(Duration::from_millis(millis)).to_string();
    assert_eq!([text(9_999), text(300)], ["10", "0"]);
}
