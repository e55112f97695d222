//! Waiting for something to be ready, with an end.

use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

/// No honest start takes this long, not even on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(10);

/// Waits until `ready` gives a value; fails the test after a minute, naming `what`.
pub fn wait_until<T>(what: &str, ready: impl FnMut() -> Option<T>) -> T {
    poll(LIMIT, ready).unwrap_or_else(|| panic!("still waiting after {LIMIT:?}: {what}"))
}

pub(crate) fn poll<T>(limit: Duration, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = ready() {
            return Some(value);
        }
        if Instant::now() > end {
            return None;
        }
        thread::sleep(STEP);
    }
}

/// A TCP port of 127.0.0.1 that nobody uses at this moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free loopback port");
    listener.local_addr().expect("its address").port()
}
