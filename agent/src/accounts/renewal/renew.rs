//! When an account is renewed without a person: if its plan says so, never two at once for one
//! account, and with patience after a failure. How it is done: [`exchange`](super::exchange).

use std::sync::Arc;

use opkssh_protocol::time::UnixTime;
use tokio::task::JoinSet;

use super::exchange::ExchangeError;
use crate::accounts::provider::{self, OidcError, ProviderDocuments};
use crate::accounts::{Account, Accounts, State};

/// Seconds before the clockwork tries a failed renewal again: doubled with each failure …
const FIRST_RETRY: i64 = 5;
/// … up to this.
const LAST_RETRY: i64 = 15 * 60;
/// Somebody who waits for it may try sooner: the network is perhaps just back.
const ASKED_RETRY: i64 = 5;

/// Who wants a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// The clockwork.
    Planned,
    /// Somebody who is about to log in somewhere.
    Asked,
}

#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    #[error(transparent)]
    Oidc(#[from] OidcError),
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    #[error("the last renewal failed ({0}); the next try is at {1}")]
    TooSoon(String, UnixTime),
    #[error("the account was logged out")]
    Gone,
}

impl RenewError {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Oidc(error) | Self::Exchange(ExchangeError::Oidc(error))
            if error.is_refusal())
    }
}

impl Accounts {
    /// Renews those of these accounts that are due, side by side. Failures are kept with the
    /// account.
    pub async fn renew_due(self: &Arc<Self>, accounts: Vec<Arc<Account>>, wish: Wish) {
        let mut renewing = JoinSet::new();
        for account in accounts {
            let this = self.clone();
            renewing.spawn(async move { this.renew_if_stale(&account, wish).await });
        }
        while renewing.join_next().await.is_some() {}
    }

    /// Renews one account if its plan says so. However many ask at once, one request is made.
    pub(in crate::accounts) async fn renew_if_stale(
        self: &Arc<Self>,
        account: &Arc<Account>,
        wish: Wish,
    ) -> Result<(), RenewError> {
        if !self.plan(&account.state()).wants_renewal(self.clock.now()) {
            return Ok(());
        }
        let (this, account) = (self.clone(), account.clone());
        self.to_its_end(async move { this.renew(&account, wish).await })
            .await
            .unwrap_or(Err(RenewError::Gone))
    }

    /// A first renewal with documents that are at hand, to learn what the provider's refreshes
    /// are good for.
    pub(in crate::accounts) async fn renew_with(
        &self,
        account: &Arc<Account>,
        documents: &ProviderDocuments,
    ) -> Result<(), RenewError> {
        let _my_turn = account.turn.lock().await;
        {
            let state = account.state();
            if state.gone || state.record.refresh_token.is_none() {
                return Ok(());
            }
        }
        let renewed = self.exchange(account, documents).await;
        self.note(account, renewed.map_err(RenewError::from))
    }

    async fn renew(&self, account: &Arc<Account>, wish: Wish) -> Result<(), RenewError> {
        let _my_turn = account.turn.lock().await;
        // it may have been dropped from memory while we waited, and be another one's by now
        let is_held = self.is_held(account);
        let provider = {
            let state = account.state();
            if state.gone || !is_held {
                return Err(RenewError::Gone);
            }
            // somebody else may have renewed it, or failed to, while we waited
            if !self.plan(&state).wants_renewal(self.clock.now()) {
                return Ok(());
            }
            if let Some(not_before) = not_before(&state, wish, self.clock.now()) {
                let last = state.last_error.clone().unwrap_or_default();
                return Err(RenewError::TooSoon(last, not_before));
            }
            state.record.provider.clone()
        };
        let renewed = match provider::discover(&self.http, &provider.issuer).await {
            Ok(documents) => self
                .exchange(account, &documents)
                .await
                .map_err(RenewError::from),
            Err(error) => Err(error.into()),
        };
        self.note(account, renewed)
    }

    /// Remembers how a renewal went.
    fn note(
        &self,
        account: &Arc<Account>,
        renewed: Result<(), RenewError>,
    ) -> Result<(), RenewError> {
        let mut state = account.state();
        state.tried_at = Some(self.clock.now());
        state.refused = renewed.as_ref().is_err_and(RenewError::is_refusal);
        state.last_error = match &renewed {
            // a provider may answer with the same old token: that must not become a busy loop
            Ok(()) if self.plan(&state).wants_renewal(self.clock.now()) => {
                Some("the refreshed ID token is no newer than the last".to_owned())
            }
            Ok(()) => None,
            Err(error) => Some(error.to_string()),
        };
        if let Some(error) = &state.last_error {
            tracing::warn!(account = account.alias, "renewal failed: {error}");
            let wait = (FIRST_RETRY << state.failures.min(10)).min(LAST_RETRY);
            state.failures += 1;
            state.retry_at = Some(self.clock.now().plus(wait));
        } else {
            state.failures = 0;
            state.retry_at = None;
        }
        drop(state);
        self.replan.notify_one();
        renewed
    }
}

/// When a failed renewal may be tried again, if that is not now.
pub(super) fn not_before(state: &State, wish: Wish, now: UnixTime) -> Option<UnixTime> {
    let (time, longest) = match wish {
        Wish::Planned => (state.retry_at?, LAST_RETRY),
        Wish::Asked => {
            let soon = state.tried_at?.plus(ASKED_RETRY);
            (soon.min(state.retry_at?), ASKED_RETRY)
        }
    };
    within(time, longest, now)
}

/// `time`, if it lies ahead. One that lies further ahead than it can ever have been set is left
/// from before the clock was set back, and does not count.
pub(super) fn within(time: UnixTime, longest: i64, now: UnixTime) -> Option<UnixTime> {
    (1..=longest).contains(&time.since(now)).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_from_before_the_clock_was_set_back_does_not_count() {
        let then = UnixTime(1_700_000_000);
        let retry_at = then.plus(LAST_RETRY);
        for (now, blocks) in [
            (then, true),
            (retry_at.plus(-1), true),
            (retry_at, false),
            (then.plus(-1), false),
            (then.plus(-365 * 24 * 3600), false),
        ] {
            assert_eq!(within(retry_at, LAST_RETRY, now).is_some(), blocks, "{now}");
        }
    }
}
