//! What the owner publishes: the facts as they are, and what stores and providers said. Never
//! changed once it is published.

use std::sync::{Arc, OnceLock};

use opkssh_protocol::control::AccountState;
use opkssh_protocol::time::UnixTime;

use super::reasons::Reasons;
use crate::accounts::lifecycle::{self, Hidden, Leaving, Plan, RefreshFailure, Step};
use crate::accounts::material::{AccountFacts, Facts, Item};
use crate::accounts::store::{StoreError, StoreKind};
use crate::serving::source::{Identity, Terms, Visibility};

pub struct Published {
    pub facts: Facts,
    pub reasons: Reasons,
    /// What may be shown by all but the time, once somebody has asked: each list and each
    /// signature asks.
    identities: OnceLock<Arc<Vec<Identity>>>,
}

impl Published {
    pub(super) fn new(facts: Facts, reasons: Reasons) -> Self {
        Self {
            facts,
            reasons,
            identities: OnceLock::new(),
        }
    }

    pub fn account(&self, name: &str) -> Option<&AccountFacts> {
        self.facts
            .accounts
            .iter()
            .find(|account| account.name == name)
    }

    /// Returns the item of this account if it may be shown and signed with now, else why not.
    pub fn shown<'a>(&self, account: &'a AccountFacts, now: UnixTime) -> Result<&'a Item, Hidden> {
        lifecycle::shown(&self.facts.agent, account, now)
    }

    /// Returns what is planned for an account.
    pub fn plan(&self, account: &AccountFacts, item: &Item) -> Plan {
        let agent = &self.facts.agent;
        let plan = agent.plan(&account.name, item);
        plan.until(account.ends_at(agent.lifetime))
    }

    /// Returns the state by the plan; past the deadline, a provider that refuses to renew leaves it
    /// to a person. (It goes on being asked: a client may be registered again.)
    pub fn state(&self, account: &AccountFacts, item: &Item, now: UnixTime) -> AccountState {
        let plan = self.plan(account, item);
        match account.refresh.failure {
            Some(RefreshFailure::Refused) if !plan.is_usable(now) => AccountState::LoginNeeded,
            _ => plan.state(now),
        }
    }

    /// Returns true if this account is shown, and its login counts.
    pub fn is_usable(&self, name: &str, now: UnixTime) -> bool {
        self.account(name).is_some_and(|account| {
            let shown = self.shown(account, now);
            shown.is_ok_and(|item| self.plan(account, item).is_usable(now))
        })
    }

    /// Returns the accounts of which something is in memory only, locked or not.
    pub fn at_risk(&self) -> Vec<String> {
        let accounts = self.facts.accounts.iter();
        let unsaved = accounts.filter(|one| one.leaving == Leaving::No && !one.is_saved());
        let mut at_risk: Vec<String> = unsaved.map(|account| account.name.clone()).collect();
        at_risk.sort();
        at_risk
    }

    /// Returns true if nothing is going on: no action runs, and none may start now.
    pub fn is_at_rest(&self) -> bool {
        let accounts = &self.facts.accounts;
        !self.facts.agent.seal_file_in_flight && accounts.iter().all(|one| one.in_flight.is_none())
    }

    /// Returns why the store does not have what memory has, if it has not.
    pub fn store_error(&self, account: &AccountFacts) -> Option<&StoreError> {
        if account.store.is_none() || account.is_saved() {
            return None;
        }
        self.last_error(account)
    }

    /// Returns what accounts.json or the account's store failed with last.
    pub fn last_error(&self, account: &AccountFacts) -> Option<&StoreError> {
        let reasons = self.reasons.account(&account.name);
        let index = reasons.and_then(|reasons| reasons.index.as_ref());
        index.or_else(|| self.closed_store_error(account))
    }

    /// Returns what the account's store said, to this account or to the one that asked last.
    pub fn closed_store_error(&self, account: &AccountFacts) -> Option<&StoreError> {
        let error = |name: &str| self.reasons.account(name)?.store.as_ref();
        error(&account.name).or_else(|| {
            let closed = self.facts.agent.closed_store(account)?;
            error(&closed.asked_for)
        })
    }

    /// Returns true if the store did not answer the last call: it may wait for its password.
    pub fn is_store_silent(&self, account: &AccountFacts) -> bool {
        let error = self.closed_store_error(account);
        matches!(error, Some(StoreError::TimedOut))
    }

    /// Returns true if the account's store is being asked for something.
    pub fn is_store_busy(&self, account: &AccountFacts) -> bool {
        self.facts.accounts.iter().any(|other| {
            other.store == account.store && other.running().is_some_and(Step::uses_store)
        })
    }

    /// Returns why the last renewal failed, or why none is tried.
    pub fn renewal_error(&self, account: &AccountFacts, now: UnixTime) -> Option<String> {
        if let Some(failure) = account.refresh.failure {
            return Some(self.reasons.refresh(&account.name, failure));
        }
        let item = account.item()?;
        let waits = self.plan(account, item).wants_renewal(now);
        let error = self.store_error(account).filter(|_| waits)?;
        Some(format!("it waits until its result can be stored: {error}"))
    }

    /// Returns why an account is not shown, to follow "but".
    pub fn why_hidden(&self, account: &AccountFacts, hidden: Hidden) -> String {
        let place = account.store.map_or("memory", StoreKind::place);
        let name = &account.name;
        match hidden {
            Hidden::Locked => "the agent is locked".to_owned(),
            Hidden::Suspended => "it is put away until the screen is unlocked".to_owned(),
            Hidden::Dropped => {
                "it was dropped from memory (SIGUSR1); get it back: opkssh check".to_owned()
            }
            Hidden::Leaving | Hidden::Overdue => match self.last_error(account) {
                Some(error) => format!("its logout waits: {error}"),
                None => "it is being logged out".to_owned(),
            },
            Hidden::Ending => "the agent ends".to_owned(),
            Hidden::NotLoaded => "it was not read yet".to_owned(),
            Hidden::StoreClosed(_) => match self.closed_store_error(account) {
                Some(error) => error.to_string(),
                None => format!("{place} does not answer"),
            },
            Hidden::Missing if account.is_noted() => format!(
                "{place} has no entry for it, but had it sealed: the password counts until it is \
                 back, or given up: opkssh logout {name}"
            ),
            Hidden::Missing => format!("{place} has no entry for it"),
            Hidden::Unreadable => StoreError::Unreadable.to_string(),
            Hidden::Damaged => {
                let reasons = self.reasons.account(name);
                let reason = reasons.and_then(|reasons| reasons.item.clone());
                reason.unwrap_or("it is not readable".to_owned())
            }
            Hidden::Older => format!(
                "{place} has an older state of it than the last one known, whose refresh token may \
                 be spent; log in: opkssh login {name}"
            ),
        }
    }

    /// Returns what may be shown now, by name.
    pub fn identities(&self, now: UnixTime) -> Arc<Vec<Identity>> {
        // long before the end of any lifetime
        let all = || Arc::new(self.make_identities(UnixTime(0)));
        let all = self.identities.get_or_init(all);
        let is_shown = |identity: &&Identity| {
            let account = self.account(&identity.name);
            account.is_some_and(|account| self.shown(account, now).is_ok())
        };
        if all.iter().all(|identity| is_shown(&identity)) {
            return all.clone();
        }
        Arc::new(all.iter().filter(is_shown).cloned().collect())
    }

    fn make_identities(&self, now: UnixTime) -> Vec<Identity> {
        let identity = |account: &AccountFacts| {
            let credentials = &self.shown(account, now).ok()?.credentials;
            let visibility = visibility(account);
            Some(Identity {
                blob: credentials.shown(&visibility).blob().to_vec(),
                comment: credentials.comment(&account.name),
                name: account.name.clone(),
                terms: Terms::Account {
                    visibility,
                    public_key: credentials.public_key(),
                    person: format!(
                        "{} {}",
                        credentials.provider().issuer,
                        credentials.subject()
                    ),
                },
            })
        };
        let identities = self.facts.accounts.iter().filter_map(identity);
        let mut identities: Vec<Identity> = identities.collect();
        identities.sort_by(|one, other| one.name.cmp(&other.name));
        identities
    }
}

/// Returns to which servers an account is shown.
pub fn visibility(account: &AccountFacts) -> Visibility {
    let profile = account.profile.as_ref();
    let visibility = profile.and_then(|profile| profile.visibility.clone());
    visibility.unwrap_or_default()
}
