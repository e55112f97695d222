//! `--idle-stop`: stops the agent when it has been idle long enough. systemd or the next command
//! starts it again.

use std::time::{Duration, Instant};

use crate::accounts::Accounts;
use crate::serving::usage::Usage;

/// Resolves when there was no connection for `limit`, no request to a provider is pending, and a
/// restart would lose nothing. Without a limit, never resolves.
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
            // a connection that was closed meanwhile moves the end
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
