//! Waiting for something to be ready, with an end.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// No honest start takes this long, not even on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);
/// Looking often costs: what looks is a process of its own, as a rule.
const LONGEST_STEP: Duration = Duration::from_millis(100);

/// Waits until `ready` gives a value; fails the test after two minutes, naming `what`.
pub fn wait_until<T>(what: &str, ready: impl FnMut() -> Option<T>) -> T {
    poll(LIMIT, ready).unwrap_or_else(|| panic!("still waiting after {LIMIT:?}: {what}"))
}

pub(crate) fn poll<T>(limit: Duration, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    let mut step = Duration::from_millis(5);
    loop {
        if let Some(value) = ready() {
            return Some(value);
        }
        if Instant::now() > end {
            return None;
        }
        thread::sleep(step);
        step = LONGEST_STEP.min(step * 3 / 2);
    }
}

/// A TCP port of the loopback addresses that nobody uses, and that nobody else gets: it is outside
/// of the range from which the system chooses ports, and never given twice in one process.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 18_000;
    for _ in 0..COUNT {
        // processes start at different places, so that two suites rarely meet
        let start = std::process::id().wrapping_mul(97);
        let offset = start.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + offset).expect("the range fits");
        if TcpListener::bind(("127.0.0.1", port)).is_ok()
            && TcpListener::bind(("::1", port))
                .map_or_else(|error| error.kind() != ErrorKind::AddrInUse, |_| true)
        {
            return port;
        }
    }
    panic!("no free loopback port");
}
