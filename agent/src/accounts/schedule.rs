//! The clockwork: renews accounts ahead of their deadlines, and when the serving wing asks.

use std::sync::Arc;
use std::time::Duration;

use opkssh_protocol::control::WhichAccount;
use opkssh_protocol::time::UnixTime;
use tokio::task::JoinSet;

use super::Accounts;
use super::renew::Wish;
use crate::held::{FreshenRequest, FreshenRequests, FreshenWish};

/// Seconds until a store that failed is asked again.
const SAVE_AGAIN: i64 = 30;
/// Sleeping longer would miss that the machine slept or its clock was set.
const LONGEST_SLEEP: Duration = Duration::from_secs(5 * 60);

impl Accounts {
    /// Restores what the store has, then runs for as long as the daemon.
    pub async fn keep_fresh(self: Arc<Self>, mut requests: FreshenRequests) {
        let mut working = JoinSet::new();
        working.spawn({
            let this = self.clone();
            async move { this.restore_missing().await }
        });
        loop {
            let due = tokio::time::sleep(self.until_next_renewal());
            tokio::select! {
                () = due, if working.is_empty() => {
                    working.spawn(self.clone().work());
                }
                Some(_) = working.join_next() => {}
                () = self.replan.notified() => {}
                request = requests.recv() => {
                    let Some(request) = request else { return };
                    tokio::spawn(self.clone().freshen(request));
                }
            }
        }
    }

    /// All that is due: renewals, and writes that failed.
    async fn work(self: Arc<Self>) {
        let accounts = self.find(&WhichAccount::All);
        for account in &accounts {
            self.save_unsaved(account).await;
        }
        self.renew_due(accounts, Wish::Planned).await;
    }

    async fn freshen(self: Arc<Self>, request: FreshenRequest) {
        if request.wish == FreshenWish::AskPerson {
            self.ask_person(&request.accounts).await;
            let _ = request.done.send(());
            return;
        }
        // what the asking session will see of accounts that come back only now is not known yet
        let all = !self.missing().is_empty();
        self.restore_missing().await;
        let asked_for = self
            .find(&WhichAccount::All)
            .into_iter()
            .filter(|account| all || request.accounts.contains(&account.alias))
            .collect();
        self.renew_due(asked_for, Wish::Asked).await;
        let _ = request.done.send(());
    }

    fn until_next_renewal(&self) -> Duration {
        let accounts = self.find(&WhichAccount::All);
        let next = accounts.iter().filter_map(|account| {
            let state = account.state();
            if state.store_error.is_some() {
                return Some(self.clock.now().plus(SAVE_AGAIN));
            }
            let planned = self.plan(&state).renew_at?;
            Some(
                state
                    .retry_at
                    .map_or(planned, |retry_at| retry_at.max(planned)),
            )
        });
        sleep_until(next.min(), self.clock.now())
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
