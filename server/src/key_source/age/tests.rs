use super::*;

const HOUR: i64 = 3600;

fn entry(max_age: Option<u64>) -> Entry {
    Entry {
        issuer: "https://op.example".into(),
        fetched: UnixTime(1_000_000),
        max_age,
        document: "{}".into(),
    }
}

fn standing(max_age: Option<u64>, age: i64) -> KeyUse {
    Bounds::default().standing(&entry(max_age), UnixTime(1_000_000 + age))
}

#[test]
fn an_hour_at_most_whatever_the_provider_says() {
    for max_age in [None, Some(3600), Some(u64::MAX)] {
        assert_eq!(standing(max_age, HOUR - 1), KeyUse::Fresh);
        assert_eq!(standing(max_age, HOUR), KeyUse::StaleIfError);
    }
    assert_eq!(standing(Some(300), 299), KeyUse::Fresh);
    assert_eq!(standing(Some(300), 300), KeyUse::StaleIfError);
    // no-store
    assert_eq!(standing(Some(0), 59), KeyUse::Fresh);
    assert_eq!(standing(Some(0), 60), KeyUse::StaleIfError);
}

#[test]
fn a_day_where_the_provider_is_down() {
    assert_eq!(standing(None, 24 * HOUR - 1), KeyUse::StaleIfError);
    assert_eq!(standing(None, 24 * HOUR), KeyUse::Expired);
    let short = Bounds::new(Duration::from_secs(3600), Duration::from_secs(7200));
    let at = |age| short.standing(&entry(None), UnixTime(1_000_000 + age));
    assert_eq!(at(2 * HOUR - 1), KeyUse::StaleIfError);
    assert_eq!(at(2 * HOUR), KeyUse::Expired);
    let none = Bounds::new(Duration::from_secs(3600), Duration::ZERO);
    assert_eq!(
        none.standing(&entry(None), UnixTime(1_000_000 + HOUR)),
        KeyUse::Expired
    );
}

#[test]
fn keys_from_the_future_count_for_nothing() {
    assert_eq!(standing(None, -60), KeyUse::Fresh);
    assert_eq!(standing(None, -61), KeyUse::NotYet);
}

#[test]
fn one_request_in_thirty_seconds() {
    let wait = |ago: i64, has_keys| {
        Bounds::default().must_wait(UnixTime(1000), has_keys, UnixTime(1000 + ago))
    };
    assert_eq!(wait(0, true), Some(30));
    assert_eq!(wait(29, true), Some(1));
    assert_eq!(wait(30, true), None);
    assert_eq!(wait(-1, true), None);
    assert_eq!(wait(4, false), Some(1));
    assert_eq!(wait(5, false), None);
}
