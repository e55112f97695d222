//! `--idle-stop`: the daemon ends when nobody has needed it for long enough. systemd, or the next
//! command, starts it again.

use std::time::{Duration, Instant};

use jiff::SignedDuration;

use crate::accounts::Accounts;
use crate::serving::usage::Usage;

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
}
