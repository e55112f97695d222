//! A provider that takes requests and does not answer.

use std::thread;
use std::time::{Duration, Instant};

use crate::server::verify_refusals::attempt::Attempt;

fn with_cache() -> Attempt {
    let mut attempt = Attempt::new();
    attempt.etc = attempt.etc.with_cache();
    attempt
}

/// Ten seconds each, from its own start. The bound is generous: without one deadline for waiting
/// and asking, the third takes eighteen.
#[test]
fn with_a_cold_cache_each_verify_ends_by_its_own_deadline() {
    const BOUND: Duration = Duration::from_secs(15);
    let attempt = with_cache();
    attempt.provider_hangs();
    thread::scope(|scope| {
        for seconds in [0, 6, 12] {
            let attempt = &attempt;
            scope.spawn(move || {
                thread::sleep(Duration::from_secs(seconds));
                let start = Instant::now();
                attempt.verify().refused();
                let took = start.elapsed();
                assert!(took < BOUND, "started after {seconds} s, took {took:?}");
            });
        }
    });
    assert_eq!(attempt.requests(), 1, "{}", attempt.etc.log());
    assert!(attempt.etc.log().contains("and is asked again in"));
}

#[test]
fn with_a_warm_cache_nobody_asks_it() {
    let attempt = with_cache();
    attempt.verify().stdout();
    let asked = attempt.requests();
    attempt.provider_hangs();
    for _ in 0..3 {
        attempt.verify().stdout();
    }
    assert_eq!(attempt.requests(), asked);
}
