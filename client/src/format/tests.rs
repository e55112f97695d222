use super::*;

#[test]
fn the_date_is_shown_unless_it_is_today() {
    let now = UnixTime(1_800_000_000);
    assert_eq!(time_of_day(now, now).len(), "00:00".len());
    let before = now.plus(-24 * 3600);
    assert_eq!(time_of_day(before, now), local_time(before));
    let never = UnixTime(i64::MAX);
    assert_eq!(time_of_day(never, now), never.0.to_string());
}
