use super::*;

#[tokio::test]
async fn it_ends_at_its_time_and_not_before() {
    let clock = Clock::system();
    let alarm = Alarm::new(clock.clone());
    alarm.wait(Some(clock.now().plus(-1))).await;
    alarm.wait(Some(UnixTime(0))).await;
    // given up for another time, as when a renewal moved: the earlier one does not count
    let next = clock.now().plus(1);
    tokio::select! {
        biased;
        () = alarm.wait(Some(next)) => panic!("too early"),
        () = std::future::ready(()) => {}
    }
    alarm.wait(Some(next.plus(1))).await;
    assert!(clock.now() > next);
}

#[tokio::test]
async fn without_a_time_or_with_one_far_away_it_does_not_end() {
    let clock = Clock::system();
    let alarm = Alarm::new(clock.clone());
    for at in [None, Some(UnixTime(i64::MAX)), Some(clock.now().plus(100))] {
        tokio::select! {
            biased;
            () = alarm.wait(at) => panic!("too early"),
            () = std::future::ready(()) => {}
        }
    }
}
