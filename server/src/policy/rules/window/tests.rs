use super::*;

fn is_open(window: &Window, now: UnixTime, zone: &TimeZone) -> bool {
    window.why_closed(now, zone).is_none()
}

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
    assert!(is_open(&window, at("2026-11-23T07:00:00Z"), &berlin)); // 08:00, a Monday
    assert!(is_open(&window, at("2026-11-23T16:59:59Z"), &berlin));
    assert!(!is_open(&window, at("2026-11-23T17:00:00Z"), &berlin));
    assert!(!is_open(&window, at("2026-11-23T06:59:59Z"), &berlin));
    assert!(!is_open(&window, at("2026-11-24T09:00:00Z"), &berlin)); // Tuesday
    assert!(!is_open(
        &window,
        at("2026-11-23T07:00:00Z"),
        &TimeZone::UTC
    ));
    assert!(!is_open(&window, UnixTime(i64::MAX), &berlin));
}

#[test]
fn first_and_last_second() {
    let window = Window {
        not_before: Some(UnixTime(100)),
        not_after: Some(UnixTime(200)),
        hours: vec![],
    };
    for (now, open) in [(99, false), (100, true), (200, true), (201, false)] {
        assert_eq!(
            is_open(&window, UnixTime(now), &TimeZone::UTC),
            open,
            "{now}"
        );
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
