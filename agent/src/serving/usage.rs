//! Who is connected, on all sockets: what `--idle-stop` goes by.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Whoever started the daemon has so long to connect.
const FIRST: Duration = Duration::from_secs(60);

/// Who is connected, on any socket, and when that was last so.
pub struct Usage {
    now: Mutex<Now>,
    pub all_gone: Notify,
}

struct Now {
    connections: usize,
    last: Instant,
}

/// A connection, for as long as it lives.
pub struct InUse(Arc<Usage>);

impl Default for Usage {
    fn default() -> Self {
        Self {
            now: Mutex::new(Now {
                connections: 0,
                last: Instant::now() + FIRST,
            }),
            all_gone: Notify::new(),
        }
    }
}

impl Usage {
    pub fn begin(self: &Arc<Self>) -> InUse {
        self.now.lock().connections += 1;
        InUse(self.clone())
    }

    /// Returns when the last connection ended; `None` while there is one.
    pub fn idle_since(&self) -> Option<Instant> {
        let now = self.now.lock();
        (now.connections == 0).then_some(now.last)
    }

    /// Counts as if the last connection ended now.
    pub fn count_from_now(&self) {
        self.now.lock().last = Instant::now();
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut now = self.0.now.lock();
        now.connections -= 1;
        now.last = Instant::now();
        if now.connections == 0 {
            self.0.all_gone.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_who_is_connected_counts_as_use() {
        let usage = Arc::new(Usage::default());
        assert!(usage.idle_since().is_some());
        let (first, second) = (usage.begin(), usage.begin());
        drop(first);
        assert!(usage.idle_since().is_none());
        let before = Instant::now();
        drop(second);
        assert!(usage.idle_since().is_some_and(|since| since >= before));
    }
}
