//! What the owner publishes: the facts as they are, what may be shown by them, and what stores and
//! providers said. Never changed once it is published.

use std::sync::Arc;

use opkssh_protocol::control::AccountState;
use opkssh_protocol::time::UnixTime;

use super::said::{LoggedOutAccount, Said};
use crate::accounts::lifecycle::Material as _;
use crate::accounts::lifecycle::{self, Hidden, Leaving, Plan, RefreshFailure, hidden};
use crate::accounts::material::{AccountFacts, Facts, Item, Real};
use crate::accounts::store::{StoreError, StoreKind};
use crate::serving::source::{Identity, Visibility};

pub struct Published {
    pub facts: Facts,
    /// What may be shown. The end of a lifetime hides more; see [`Published::hidden`].
    pub identities: Arc<Vec<Identity>>,
    said: Said,
}

impl Published {
    /// The identities are made anew if they may be others than `before`.
    pub(super) fn new(facts: Facts, said: Said, before: Option<&Self>) -> Self {
        let identities = match before {
            Some(before) if is_shown_alike(&facts, &before.facts) => before.identities.clone(),
            _ => Arc::new(identities(&facts)),
        };
        Self {
            facts,
            identities,
            said,
        }
    }

    pub fn account(&self, name: &str) -> Option<&AccountFacts> {
        self.facts
            .accounts
            .iter()
            .find(|account| account.name == name)
    }

    /// Returns why an account may not be shown or signed with now.
    pub fn hidden(&self, account: &AccountFacts, now: UnixTime) -> Option<Hidden> {
        hidden(&self.facts.agent, account, now)
    }

    /// Returns what is planned for an account.
    pub fn plan(&self, account: &AccountFacts, item: &Item) -> Plan {
        let has_token = item.refresh_token.is_some();
        let settings = &self.facts.agent.settings;
        Real::plan(&account.name, &item.credentials, has_token, settings)
            .until(account.ends_at(self.facts.agent.lifetime))
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
        let Some(account) = self.account(name) else {
            return false;
        };
        let is_hidden = self.hidden(account, now).is_some();
        let item = account.item().filter(|_| !is_hidden);
        item.is_some_and(|item| self.plan(account, item).is_usable(now))
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
        self.facts.agent.in_flight.is_none()
            && self
                .facts
                .accounts
                .iter()
                .all(|one| one.in_flight.is_none())
    }

    /// Returns the logout of this login, if it is over.
    pub fn logout_of(&self, name: &str, login: i64) -> Option<&LoggedOutAccount> {
        self.said.logout_of(name, login)
    }

    /// Returns why the last lock failed.
    pub fn lock_failure(&self) -> Option<&crate::accounts::store::password::PasswordError> {
        self.said.lock()
    }

    /// Returns why the store does not have what memory has, if it has not.
    pub fn store_error(&self, account: &AccountFacts) -> Option<&StoreError> {
        if account.store.is_none() || account.is_saved() {
            return None;
        }
        let index = self.said.index(&account.name);
        index.or_else(|| self.closed_store_error(account))
    }

    /// Returns what the account's store said, to this account or to the one that asked last.
    pub fn closed_store_error(&self, account: &AccountFacts) -> Option<&StoreError> {
        let closed = self.facts.agent.closed_stores.iter();
        let mut closed = closed.filter(|closed| Some(closed.store) == account.store);
        self.said.store(&account.name).or_else(|| {
            let asked_for = &closed.next()?.asked_for;
            self.said.store(asked_for)
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
            let running = other.in_flight.as_ref().map(|one| &one.running);
            other.store == account.store && running.is_some_and(|running| running.uses_store())
        })
    }

    /// Returns why the last renewal failed, or why none is tried.
    pub fn renewal_error(&self, account: &AccountFacts, now: UnixTime) -> Option<String> {
        if let Some(failure) = account.refresh.failure {
            return Some(self.said.refresh(&account.name, failure));
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
            Hidden::Leaving | Hidden::Overdue => self.why_leaving(account),
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
            Hidden::Damaged => match self.said.item(name) {
                Some(reason) => reason.to_owned(),
                None => "it is not readable".to_owned(),
            },
            Hidden::Older => format!(
                "{place} has an older state of it than the last one known, whose refresh token may \
                 be spent; log in: opkssh login {name}"
            ),
        }
    }

    /// Returns what a logout waits for.
    pub fn why_leaving(&self, account: &AccountFacts) -> String {
        match self.leaving_error(account) {
            Some(error) => format!("its logout waits: {error}"),
            None => "it is being logged out".to_owned(),
        }
    }

    /// Returns what a logout failed at last.
    pub fn leaving_error(&self, account: &AccountFacts) -> Option<&StoreError> {
        let index = self.said.index(&account.name);
        index.or_else(|| self.closed_store_error(account))
    }
}

/// Returns true if the identities are made of the same in both.
fn is_shown_alike(one: &Facts, other: &Facts) -> bool {
    let is_hidden = |facts: &Facts| {
        let agent = &facts.agent;
        (agent.lock.hides(), agent.suspended, agent.dropped)
    };
    is_hidden(one) == is_hidden(other)
        && one.accounts.len() == other.accounts.len()
        && one
            .accounts
            .iter()
            .zip(&other.accounts)
            .all(|(one, other)| {
                one.name == other.name
                    && one.leaving == other.leaving
                    && one.profile == other.profile
                    && one.item().map(|item| &item.credentials)
                        == other.item().map(|item| &item.credentials)
            })
}

fn identities(facts: &Facts) -> Vec<Identity> {
    // the end of a lifetime is looked at when they are listed
    let view = lifecycle::view(facts, UnixTime(0));
    let identity = |shown: lifecycle::Identity<Real>| {
        let account = facts.account(&shown.name);
        let visibility = account.map(visibility).unwrap_or_default();
        let credentials = shown.credentials;
        Identity {
            blob: credentials.shown(&visibility).blob().to_vec(),
            public_key: credentials.public_key(),
            comment: credentials.comment(&shown.name),
            visibility,
            name: shown.name,
        }
    };
    let mut identities: Vec<Identity> = view.identities.into_iter().map(identity).collect();
    identities.sort_by(|one, other| one.name.cmp(&other.name));
    identities
}

/// Returns to which servers an account is shown.
pub fn visibility(account: &AccountFacts) -> Visibility {
    let profile = account.profile.as_ref();
    let visibility = profile.and_then(|profile| profile.visibility.clone());
    visibility.unwrap_or_default()
}
