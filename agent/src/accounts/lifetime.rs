//! `--lifetime`: an account is logged out so long after its login, whatever its provider would
//! renew. ssh-agent's `-t`, for logins.

use std::sync::Arc;
use std::time::Duration;

use opkssh_protocol::control::WhichAccount;
use opkssh_protocol::time::UnixTime;

use super::Accounts;
use super::renewal::plan::Plan;
use super::store::record::Record;
use crate::notices::Cause;

impl Accounts {
    /// For all accounts, also those that were logged in to before.
    pub fn limit_lifetime(&mut self, lifetime: Option<Duration>) {
        self.lifetime = lifetime.map(|limit| i64::try_from(limit.as_secs()).unwrap_or(i64::MAX));
    }

    /// When this account will be logged out.
    pub(super) fn logs_out_at(&self, record: &Record) -> Option<UnixTime> {
        let logged_in_at = record.logged_in_at;
        let end = logged_in_at.0.saturating_add(self.lifetime?);
        Some(UnixTime(end))
    }

    /// Is its time up? From then on it is not shown, whether or not it could be logged out of.
    pub(super) fn is_overdue(&self, record: &Record) -> bool {
        self.logs_out_at(record)
            .is_some_and(|end| self.clock.now() >= end)
    }

    pub(super) fn has_overdue(&self) -> bool {
        let overdue = |account: &Arc<super::Account>| self.is_overdue(&account.state().record);
        self.lifetime.is_some() && self.find(&WhichAccount::All).iter().any(overdue)
    }

    /// Logs out of those whose time is up.
    pub(super) async fn log_out_overdue(self: &Arc<Self>) {
        for account in self.find(&WhichAccount::All) {
            if !self.is_overdue(&account.state().record) {
                continue;
            }
            let (this, leaving) = (self.clone(), account.clone());
            let left = self.to_its_end(async move { this.log_out_of(&leaving).await });
            let alias = &account.alias;
            // nobody has asked for it, so nobody would see it elsewhere
            let text = match left.await {
                Some(Ok(left)) => format!(
                    "{alias} was logged out at the end of its lifetime: {}",
                    left.revocation
                ),
                Some(Err(error)) => {
                    format!("the lifetime of {alias} is over, and its logout waits: {error}")
                }
                None => continue,
            };
            self.held.notices.tell(Cause::Logout(alias.clone()), text);
        }
    }
}

impl Plan {
    /// Nothing is planned beyond `end`.
    pub(super) fn until(self, end: Option<UnixTime>) -> Self {
        let Some(end) = end else {
            return self;
        };
        // the last second that counts
        let last = end.plus(-1);
        Self {
            deadline: Some(self.deadline.map_or(last, |deadline| deadline.min(last))),
            renew_at: self.renew_at.filter(|renew_at| *renew_at < end),
        }
    }
}
