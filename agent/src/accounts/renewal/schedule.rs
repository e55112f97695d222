//! The clockwork: renews accounts ahead of their deadlines, and when the serving wing asks.

use std::sync::Arc;

use opkssh_protocol::control::WhichAccount;
use opkssh_protocol::time::UnixTime;
use tokio::task::JoinSet;

use super::alarm::Alarm;
use super::exchange::SAVE_AGAIN;
use super::renew::{Wish, not_before, within};
use crate::accounts::Accounts;
use crate::accounts::held::{FreshenRequest, FreshenRequests, FreshenWish};

impl Accounts {
    /// Restores what the store has, then runs for as long as the daemon.
    pub async fn keep_fresh(self: Arc<Self>, mut requests: FreshenRequests) {
        self.follow_settings();
        let mut working = JoinSet::new();
        working.spawn({
            let this = self.clone();
            async move { this.restore_missing().await }
        });
        let alarm = Alarm::new(self.clock.clone());
        loop {
            let due = alarm.wait(self.next_work());
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

    /// All that is due: logouts, renewals, and writes that failed.
    pub(in crate::accounts) async fn work(self: Arc<Self>) {
        self.log_out_overdue().await;
        let accounts = self.find(&WhichAccount::All);
        for account in &accounts {
            self.save_unsaved(account).await;
        }
        self.forget_seal_when_done();
        if self.has_unsealed() {
            self.restore_missing().await;
        }
        self.renew_due(accounts, Wish::Planned).await;
    }

    pub(in crate::accounts) async fn freshen(self: Arc<Self>, mut request: FreshenRequest) {
        if request.wish == FreshenWish::AskPerson {
            tokio::select! {
                () = self.ask_person(&request.accounts) => {}
                // the question stays, and nobody waits for it here
                () = request.done.closed() => return,
            }
            let _ = request.done.send(());
            return;
        }
        // who sees more after this asks for that, too
        self.restore_missing().await;
        let asked_for = self
            .find(&WhichAccount::All)
            .into_iter()
            .filter(|account| request.accounts.contains(&account.alias))
            .collect();
        self.renew_due(asked_for, Wish::Asked).await;
        let _ = request.done.send(());
    }

    /// When there is something to do next: a renewal, a logout, or a write that failed.
    pub(in crate::accounts) fn next_work(&self) -> Option<UnixTime> {
        let now = self.clock.now();
        let accounts = self.find(&WhichAccount::All);
        let next = accounts.iter().filter_map(|account| {
            let state = account.state();
            if let Some(save_at) = state.save_at {
                return Some(within(save_at, SAVE_AGAIN, now).unwrap_or(now));
            }
            let logout = self.logs_out_at(&state.record);
            let retry_at = not_before(&state, Wish::Planned, now);
            let planned = self.plan(&state).renew_at;
            let renewal = planned.map(|planned| retry_at.map_or(planned, |at| at.max(planned)));
            renewal.into_iter().chain(logout).min()
        });
        let unsealed = self.has_unsealed().then(|| now.plus(SAVE_AGAIN));
        next.chain(unsealed).min()
    }
}
