//! `--idle-stop`: stops the agent when it has been idle long enough. systemd or the next command
//! starts it again.

use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::sockets::Usage;
use crate::accounts::Accounts;
use crate::serving::added::AddedKeys;

/// Resolves when there was no connection for `limit`, no request to a provider is pending, and a
/// restart would lose nothing. Without a limit, never resolves.
pub async fn idle(usage: &Usage, accounts: &Accounts, added: &AddedKeys, limit: Option<Duration>) {
    let Some(limit) = limit else {
        return std::future::pending().await;
    };
    let mut usage_changes = usage.subscribe();
    loop {
        let now = *usage_changes.borrow_and_update();
        let end = now.last.checked_add(limit);
        match end.filter(|_| now.connections == 0) {
            None => {
                let _ = usage_changes.changed().await;
            }
            Some(end) if Instant::now() < end => {
                let _ = timeout_at(end.into(), usage_changes.changed()).await;
            }
            Some(_) if accounts.would_come_back() && added.count() == 0 => {
                tracing::info!("nobody has asked for {} seconds", limit.as_secs());
                return;
            }
            Some(_) => {
                tracing::debug!(
                    "nobody has asked, but something would be lost or cut off: it goes on"
                );
                usage.count_from_now();
            }
        }
    }
}
