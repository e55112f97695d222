//! SIGUSR1: identities leave memory at once, as those of OpenSSH's agent do. They come back from
//! the store when somebody asks for them on the control socket, or when the agent starts again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::missing::{DROPPED, Missing, Sealed};
use super::store::StoreKind;
use super::{Account, Accounts, State};
use crate::notices::Cause;

impl Accounts {
    /// Drops every account from memory. A renewal in flight is finished and its result stored, as
    /// the provider may have spent the old token; it does not bring its account back.
    pub fn forget_all(self: &Arc<Self>) {
        let dropped: Vec<Arc<Account>> = {
            let mut accounts = self.lock();
            self.asleep.store(true, Ordering::Relaxed);
            self.take_out(&mut accounts, DROPPED, |_| true)
        };
        for account in &dropped {
            if account.state().store == StoreKind::Memory {
                let alias = &account.alias;
                self.held.notices.tell(
                    Cause::Dropped(alias.clone()),
                    format!(
                        "account {alias} was in memory only and is gone (SIGUSR1); log in: opkssh \
                     login {alias}"
                    ),
                );
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
                    saving.save_dropped(&account).await;
                    account.state().store_error.is_none()
                });
                if saved.await != Some(true) {
                    let text = format!(
                        "account {alias} was dropped from memory (SIGUSR1), and its newest state \
                         could not be stored; if it does not renew, log in: opkssh login {alias}"
                    );
                    this.held.notices.tell(Cause::Dropped(alias), text);
                }
            });
        }
    }

    /// Takes the accounts that `goes` names out of the table, which is locked. Those that are in a
    /// store are missing from now on, for this reason.
    pub(super) fn take_out(
        &self,
        accounts: &mut BTreeMap<String, Arc<Account>>,
        reason: &str,
        goes: impl Fn(&State) -> bool,
    ) -> Vec<Arc<Account>> {
        let (out, kept) = std::mem::take(accounts)
            .into_iter()
            .partition(|(_, account)| goes(&account.state()));
        *accounts = kept;
        let out: Vec<_> = BTreeMap::into_values(out).collect();
        let stored = out.iter().filter_map(|account| {
            let state = account.state();
            let entry = || state.entry(&account.alias);
            (state.store != StoreKind::Memory).then(|| Missing::new(entry(), reason.to_owned()))
        });
        self.missing().extend(stored);
        out
    }

    /// Somebody asks on the control socket: what [`forget_all`](Self::forget_all) dropped may come
    /// back.
    pub async fn wake(&self) {
        if self.asleep.swap(false, Ordering::Relaxed) {
            *self.restoring.lock().await = None;
        }
    }

    /// Why an account is missing that nothing keeps from being read.
    pub(super) fn why_not_read(&self) -> &'static str {
        match self.asleep.load(Ordering::Relaxed) {
            true => DROPPED,
            false => "it was not read yet",
        }
    }

    /// Would all be as it is now after a restart? Not while something is going on, nor while
    /// something is in memory only, nor while a person is asked or shall not be asked, nor if that
    /// brought back what SIGUSR1 has dropped or a locked screen has put away.
    pub fn would_come_back(&self) -> bool {
        !self.asleep.load(Ordering::Relaxed)
            && !self.held.is_put_away()
            && !self.questions.matter(Instant::now())
            && self.logins.is_empty()
            && self.busy.try_write().is_ok()
            && self.at_risk().is_empty()
    }

    /// The accounts of which something is in memory only, locked or not.
    pub fn at_risk(&self) -> Vec<String> {
        let accounts = self.lock();
        let held = accounts.values().filter(|account| {
            let state = account.state();
            state.store == StoreKind::Memory || state.store_error.is_some()
        });
        let mut at_risk: Vec<String> = held.map(|account| account.alias.clone()).collect();
        let missing = self.missing();
        let sealed = missing.iter().filter(|one| {
            one.entry.store == StoreKind::Memory || matches!(one.sealed, Sealed::Here(_))
        });
        at_risk.extend(sealed.map(|one| one.entry.alias.clone()));
        at_risk.sort();
        at_risk.dedup();
        at_risk
    }
}
