//! The clockwork: renews accounts ahead of their deadlines, and when the serving wing asks.

use std::sync::Arc;
use std::time::Duration;

use opkssh_protocol::control::WhichAccount;
use opkssh_protocol::time::UnixTime;
use tokio::task::JoinSet;

use super::{Accounts, now};
use crate::held::{FreshenRequest, FreshenRequests};

/// Sleeping longer would miss that the machine slept or its clock was set.
const LONGEST_SLEEP: Duration = Duration::from_secs(5 * 60);

impl Accounts {
    /// Restores what the store has, then runs for as long as the daemon.
    pub async fn keep_fresh(self: Arc<Self>, mut requests: FreshenRequests) {
        self.restore().await;
        let mut renewing = JoinSet::new();
        loop {
            let due = tokio::time::sleep(self.until_next_renewal());
            tokio::select! {
                () = due, if renewing.is_empty() => {
                    let this = self.clone();
                    let all = this.find(&WhichAccount::All);
                    renewing.spawn(async move { this.renew_due(all).await });
                }
                Some(_) = renewing.join_next() => {}
                () = self.replan.notified() => {}
                request = requests.recv() => {
                    let Some(request) = request else { return };
                    tokio::spawn(self.clone().freshen(request));
                }
            }
        }
    }

    async fn freshen(self: Arc<Self>, request: FreshenRequest) {
        self.restore_missing().await;
        let asked_for = self
            .find(&WhichAccount::All)
            .into_iter()
            .filter(|account| request.accounts.contains(&account.alias))
            .collect();
        self.renew_due(asked_for).await;
        let _ = request.done.send(());
    }

    fn until_next_renewal(&self) -> Duration {
        let accounts = self.find(&WhichAccount::All);
        let next = accounts.iter().filter_map(|account| {
            let state = account.state();
            let planned = self.plan(&state).renew_at?;
            Some(
                state
                    .retry_at
                    .map_or(planned, |retry_at| retry_at.max(planned)),
            )
        });
        sleep_until(next.min(), now())
    }
}

fn sleep_until(next: Option<UnixTime>, now: UnixTime) -> Duration {
    match next {
        None => Duration::from_secs(24 * 3600),
        Some(next) => {
            let seconds = u64::try_from(next.since(now)).unwrap_or(0);
            Duration::from_secs(seconds).min(LONGEST_SLEEP)
        }
    }
}
