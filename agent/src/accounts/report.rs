//! What `status` says.

use std::sync::Arc;
use std::time::Duration;

use opkssh_protocol::control::{AccountStatus, Notice, WhichAccount};
use opkssh_protocol::printable::printable;

use super::missing::AWAY;
use super::prompt::reminder::ends_soon;
use super::renewal::plan::renewal_words;
use super::store::Chosen;
use super::{Account, Accounts, State};

impl Accounts {
    /// Every account, the ones that the store does not give back as notices.
    pub async fn reports(self: &Arc<Self>) -> (Vec<AccountStatus>, Vec<Notice>) {
        // goes on by itself where the keyring is slow: the next status has it
        let _ = tokio::time::timeout(Duration::from_secs(2), self.restore_missing()).await;
        // the configuration, by which renewals are planned, may be another one since
        self.replan.notify_one();
        let mut accounts = self.find(&WhichAccount::All);
        let hidden = match self.is_put_away() {
            true => std::mem::take(&mut accounts),
            false => Vec::new(),
        };
        let reports = accounts
            .iter()
            .map(|account| self.report(account))
            .collect();
        let mut notices: Vec<String> = self
            .missing()
            .iter()
            .map(|one| format!("account {} is not usable: {}", one.entry.alias, one.reason))
            .collect();
        let is_hidden = |one: &Arc<Account>| format!("account {} is not usable: {AWAY}", one.alias);
        notices.extend(hidden.iter().map(is_hidden));
        notices.extend(self.settings.notices());
        notices.extend(self.settings.unknown_accounts(&self.every_name()));
        let now = |text| Notice { at: None, text };
        let told = self.held.notices.list();
        (reports, notices.into_iter().map(now).chain(told).collect())
    }

    /// Returns the names of all accounts, also of those that are not in memory.
    fn every_name(&self) -> Vec<String> {
        let mut names: Vec<String> = self.lock().keys().cloned().collect();
        names.extend(self.missing().iter().map(|one| one.entry.alias.clone()));
        let index = self.index.read().unwrap_or_default();
        names.extend(index.accounts.into_iter().map(|entry| entry.alias));
        names
    }

    /// Which store new accounts get, and why.
    pub async fn store_choice(&self) -> Chosen {
        self.stores.chosen().await
    }

    pub(super) fn report(&self, account: &Account) -> AccountStatus {
        let default = self.find(&WhichAccount::Default);
        let default = default
            .first()
            .is_some_and(|default| default.alias == account.alias);
        let state = account.state();
        let settings = self.settings.of(&state.record);
        let plan = self.plan(&state);
        let claims = state.credentials.pk_token.unverified_claims();
        AccountStatus {
            alias: account.alias.clone(),
            provider: state.record.provider.name().to_owned(),
            default,
            issuer: state.record.provider.issuer.clone(),
            client_id: state.record.provider.client_id.clone(),
            subject: claims.sub().to_owned(),
            email: claims.email().map(str::to_owned),
            fingerprint: state.credentials.certificate.unverified_fingerprint(),
            state: self.account_state(&state),
            usable_until: plan.deadline,
            expiration: settings.expiration.to_string(),
            renewal: state.record.renewal,
            renewal_words: renewal_words(state.record.renewal, settings.expiration),
            next_renewal: plan.renew_at,
            logs_out_at: self.logs_out_at(&state.record),
            ends_soon: ends_soon(plan, state.credentials.times(), self.clock.now()),
            last_error: state.last_error.clone(),
            store: state.store.name().to_owned(),
            store_error: state.store_error.as_ref().map(ToString::to_string),
            on_demand: settings.on_demand,
            forwarding: settings.visibility.forwarding,
            withholds_access_token: state
                .credentials
                .withholds_access_token(&settings.visibility),
            hosts: settings.visibility.hosts,
        }
    }
}

/// Who an account is, in a word.
pub(super) fn who(state: &State) -> String {
    let claims = state.credentials.pk_token.unverified_claims();
    claims.email().unwrap_or(claims.sub()).to_owned()
}

/// The comment of the identity in `ssh-add -l`.
pub(super) fn comment(state: &State) -> String {
    let text = format!("opkssh {} {}", state.record.account(), who(state));
    printable(&text).to_string()
}
