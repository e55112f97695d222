//! `--idle-stop`: the daemon ends when nobody has needed it for long enough. systemd, or the next
//! command, starts it again.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use tokio::sync::Notify;

use crate::accounts::Accounts;

/// Whoever started the daemon has so long to connect.
const FIRST: Duration = Duration::from_secs(60);

/// Who is connected, on any socket, and when that was last so.
pub struct Usage {
    now: Mutex<Now>,
    all_gone: Notify,
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
        self.now().connections += 1;
        InUse(self.clone())
    }

    /// Since when nobody is connected; `None`: somebody is.
    fn idle_since(&self) -> Option<Instant> {
        let now = self.now();
        (now.connections == 0).then_some(now.last)
    }

    fn count_from_now(&self) {
        self.now().last = Instant::now();
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut now = self.0.now();
        now.connections -= 1;
        now.last = Instant::now();
        if now.connections == 0 {
            self.0.all_gone.notify_one();
        }
    }
}

/// How `--idle-stop` and `--lifetime` are said. Less than a second would leave nobody the time to ask anything.
pub fn limit(text: &str) -> Result<Duration, String> {
    let limit: SignedDuration = text
        .parse()
        .map_err(|error: jiff::Error| error.to_string())?;
    match Duration::try_from(limit) {
        Ok(limit) if limit >= Duration::from_secs(1) => Ok(limit),
        _ => Err("it must be at least 1s".to_owned()),
    }
}

/// Resolves when nobody has been connected for `limit`, nothing is going on at a provider, and
/// everything would come back; never without a limit.
pub async fn idle(usage: &Usage, accounts: &Accounts, limit: Option<Duration>) {
    let Some(limit) = limit else {
        return std::future::pending().await;
    };
    loop {
        let Some(since) = usage.idle_since() else {
            usage.all_gone.notified().await;
            continue;
        };
        let Some(end) = since.checked_add(limit) else {
            return std::future::pending().await;
        };
        if Instant::now() < end {
            // whoever came and went meanwhile has moved the end
            tokio::select! {
                () = tokio::time::sleep_until(end.into()) => {}
                () = usage.all_gone.notified() => {}
            }
        } else if accounts.would_come_back() {
            tracing::info!("nobody has asked for {} seconds", limit.as_secs());
            return;
        } else {
            tracing::debug!("nobody has asked, but something would be lost or cut off: it goes on");
            usage.count_from_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_leaves_no_time_to_ask_is_refused() {
        for text in ["0s", "-1h", "999ms"] {
            assert_eq!(limit(text).unwrap_err(), "it must be at least 1s");
        }
        assert!(limit("soon").is_err());
        assert_eq!(limit("8h"), Ok(Duration::from_secs(8 * 3600)));
        assert_eq!(limit("1s"), Ok(Duration::from_secs(1)));
    }

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
