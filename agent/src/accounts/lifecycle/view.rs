//! What may be shown and signed with, and why not. It follows from the facts at once; what leaves
//! memory does so later, when the store has it.

use opkssh_protocol::time::UnixTime;

use super::facts::{
    AccountFacts, AgentFacts, Facts, Leaving, Lock, Material, Memory, RefreshFailure, Running,
    StoreClosed, Stored,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View<M: Material> {
    pub identities: Vec<Identity<M>>,
    pub accounts: Vec<AccountView<M>>,
}

/// An identity to list and sign with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity<M: Material> {
    pub name: M::Name,
    pub credentials: M::Credentials,
    /// From this time on it is not used, whether or not a newer view has come.
    pub ends_at: Option<UnixTime>,
}

/// What a request waits for, and `status` reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView<M: Material> {
    pub name: M::Name,
    pub login: i64,
    /// `None`: it is shown.
    pub hidden: Option<Hidden>,
    /// Store and index have what memory has, or there is no store.
    pub is_saved: bool,
    /// Memory has nothing in clear.
    pub is_sealed: bool,
    pub refresh_failure: Option<RefreshFailure>,
    /// Nothing is in flight for a renewal that was asked for, and none may start now.
    pub renewal_settled: bool,
}

/// Why an account is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hidden {
    Locked,
    Suspended,
    Dropped,
    Leaving,
    /// Its lifetime is over.
    Overdue,
    Ending,
    /// It will be loaded.
    NotLoaded,
    StoreClosed(StoreClosed),
    Missing,
    Unreadable,
    Damaged,
    Older,
}

impl Hidden {
    /// Returns true if a person has to do something: log in or out, unlock, or repair the store.
    pub fn needs_person(self) -> bool {
        !matches!(self, Self::NotLoaded | Self::Leaving | Self::Overdue)
    }
}

/// Returns what may be shown now.
pub fn view<M: Material>(facts: &Facts<M>, now: UnixTime) -> View<M> {
    let agent = &facts.agent;
    let mut identities = Vec::new();
    let mut accounts = Vec::with_capacity(facts.accounts.len());
    for account in &facts.accounts {
        let hidden = hidden(agent, account, now);
        if let (None, Some(item)) = (hidden, account.item()) {
            identities.push(Identity {
                name: account.name.clone(),
                credentials: item.credentials.clone(),
                ends_at: account.ends_at(agent.lifetime),
            });
        }
        accounts.push(AccountView {
            name: account.name.clone(),
            login: account.login,
            hidden,
            is_saved: account.is_saved(),
            is_sealed: account.item().is_none(),
            refresh_failure: account.refresh.failure,
            renewal_settled: account.wanted_until.is_none(),
        });
    }
    View {
        identities,
        accounts,
    }
}

/// Returns why this account is not shown; `None` if it is.
pub fn hidden<M: Material>(
    agent: &AgentFacts<M>,
    account: &AccountFacts<M>,
    now: UnixTime,
) -> Option<Hidden> {
    if account.leaving != Leaving::No {
        return Some(Hidden::Leaving);
    }
    if agent.lock.hides() {
        return Some(Hidden::Locked);
    }
    if account.is_overdue(agent.lifetime, now) {
        return Some(Hidden::Overdue);
    }
    if agent.suspended.any() {
        return Some(Hidden::Suspended);
    }
    if agent.dropped {
        return Some(Hidden::Dropped);
    }
    match (&account.memory, account.stored) {
        (Memory::Full(_), _) => None,
        (Memory::Sealed { .. }, _) => Some(Hidden::NotLoaded),
        (Memory::Nothing, Stored::Missing) => Some(Hidden::Missing),
        (Memory::Nothing, Stored::Unreadable) => Some(Hidden::Unreadable),
        (Memory::Nothing, Stored::Damaged) => Some(Hidden::Damaged),
        (Memory::Nothing, Stored::Older) => Some(Hidden::Older),
        (Memory::Nothing, Stored::Unknown | Stored::Has(_)) => {
            let closed = agent.closed_stores.iter();
            let mut closed = closed.filter(|closed| Some(closed.store) == account.store);
            Some(match closed.next() {
                Some(closed) => Hidden::StoreClosed(closed.why),
                None if agent.ending => Hidden::Ending,
                None => Hidden::NotLoaded,
            })
        }
    }
}

/// Returns the accounts that an end of the agent should still wait for: an action in flight,
/// something that only memory has and a store could have, or a logout.
pub fn unfinished<M: Material>(facts: &Facts<M>) -> Vec<M::Name> {
    let waits = |account: &&AccountFacts<M>| {
        account.in_flight.is_some()
            || account.leaving != Leaving::No
            || (account.store.is_some() && !account.is_saved())
    };
    let accounts = facts.accounts.iter().filter(waits);
    accounts.map(|account| account.name.clone()).collect()
}

/// Returns true if a lock is complete: `seal.json` is on disk, and no memory is in clear nor soon
/// will be, by a load that was begun before.
pub fn is_locked_up<M: Material>(facts: &Facts<M>) -> bool {
    let loads = |account: &AccountFacts<M>| {
        let running = account.in_flight.as_ref().map(|one| &one.running);
        matches!(running, Some(Running::Load | Running::Unseal))
    };
    matches!(facts.agent.lock, Lock::Locked(_))
        && facts
            .accounts
            .iter()
            .all(|one| one.item().is_none() && !loads(one))
}
