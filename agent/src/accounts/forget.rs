//! SIGUSR1: identities leave memory at once, as those of OpenSSH's agent do. They come back from
//! the store when somebody asks for them on the control socket, or when the agent starts again.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::index::Entry;
use super::restore::{Missing, Sealed};
use super::store::StoreKind;
use super::{Account, Accounts};

/// Why such an account is missing.
pub const DROPPED: &str = "it was dropped from memory (SIGUSR1); get it back: opkssh check";

impl Accounts {
    /// Drops every account from memory. A renewal in flight is finished and its result stored, as
    /// the provider may have spent the old token; it does not bring its account back.
    pub fn forget_all(self: &Arc<Self>) {
        let dropped: Vec<Arc<Account>> = {
            let mut accounts = self.lock();
            self.asleep.store(true, Ordering::Relaxed);
            let dropped: Vec<_> = std::mem::take(&mut *accounts).into_values().collect();
            let stored = dropped.iter().filter_map(|account| {
                let state = account.state();
                (state.store != StoreKind::Memory).then(|| Missing {
                    entry: Entry::new(&account.alias, &state.record, state.store),
                    reason: DROPPED.to_owned(),
                    is_empty: false,
                    sealed: Sealed::No,
                })
            });
            self.missing().extend(stored);
            dropped
        };
        for account in &dropped {
            if account.state().store == StoreKind::Memory {
                let alias = &account.alias;
                self.held.notice(format!(
                    "account {alias} was in memory only and is gone (SIGUSR1); log in: opkssh \
                     login {alias}"
                ));
            }
        }
        self.publish();
        tracing::info!("{} identities dropped from memory (SIGUSR1)", dropped.len());
        for account in dropped {
            if account.state().store_error.is_none() {
                continue;
            }
            // the newest refresh token is in no store yet: it gets one more chance
            let this = self.clone();
            tokio::spawn(async move {
                let saving = this.clone();
                let alias = account.alias.clone();
                let saved = this.to_its_end(async move {
                    saving.save_unsaved(&account).await;
                    account.state().store_error.is_none()
                });
                if saved.await != Some(true) {
                    this.held.notice(format!(
                        "account {alias} was dropped from memory (SIGUSR1), and its newest state \
                         could not be stored; if it does not renew, log in: opkssh login {alias}"
                    ));
                }
            });
        }
    }

    /// Somebody asks on the control socket: what [`forget_all`](Self::forget_all) dropped may come
    /// back.
    pub async fn wake(&self) {
        if self.asleep.swap(false, Ordering::Relaxed) {
            *self.restoring.lock().await = None;
        }
    }

    /// Would all be as it is now after a restart? Not while something is going on, nor while
    /// something is in memory only, nor if that brought back what SIGUSR1 has dropped.
    pub fn would_come_back(&self) -> bool {
        let is_stored = |account: &Arc<Account>| {
            let state = account.state();
            state.store != StoreKind::Memory && state.store_error.is_none()
        };
        !self.asleep.load(Ordering::Relaxed)
            && self.busy.try_write().is_ok()
            && self.lock().values().all(is_stored)
    }
}
