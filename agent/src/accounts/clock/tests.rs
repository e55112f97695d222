use super::*;

#[test]
fn clones_of_a_simulated_clock_show_the_same_time() {
    let clock = Clock::simulated(UnixTime(1));
    let clone = clock.clone();
    clock.set(UnixTime(2));
    assert_eq!(clone.now(), UnixTime(2));
}
