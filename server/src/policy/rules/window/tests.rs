use super::*;

#[test]
fn office_hours_where_the_office_is() {
    let window = Window {
        hours: vec![Hours {
            days: vec![Weekday::Monday],
            from: time("08:00").unwrap().unwrap(),
            to: time("18:00").unwrap(),
        }],
        ..Window::default()
    };
    let berlin = TimeZone::fixed(jiff::tz::offset(1));
    let at = |text: &str| UnixTime(text.parse::<Timestamp>().unwrap().as_second());
    assert!(window.is_open(at("2026-11-23T07:00:00Z"), &berlin)); // 08:00, a Monday
    assert!(window.is_open(at("2026-11-23T16:59:59Z"), &berlin));
    assert!(!window.is_open(at("2026-11-23T17:00:00Z"), &berlin));
    assert!(!window.is_open(at("2026-11-23T06:59:59Z"), &berlin));
    assert!(!window.is_open(at("2026-11-24T09:00:00Z"), &berlin)); // Tuesday
    assert!(!window.is_open(at("2026-11-23T07:00:00Z"), &TimeZone::UTC));
    assert!(!window.is_open(UnixTime(i64::MAX), &berlin));
}

#[test]
fn first_and_last_second() {
    let window = Window {
        not_before: Some(UnixTime(100)),
        not_after: Some(UnixTime(200)),
        hours: vec![],
    };
    for (now, open) in [(99, false), (100, true), (200, true), (201, false)] {
        assert_eq!(window.is_open(UnixTime(now), &TimeZone::UTC), open, "{now}");
    }
}

#[test]
fn times_of_day() {
    assert_eq!(time("24:00"), Some(None));
    assert!(time("00:00").unwrap().is_some());
    for text in [
        "", "8:00", "08:0", "24:01", "25:00", "08:60", "+8:00", "08-00",
    ] {
        assert_eq!(time(text), None, "{text}");
    }
}
