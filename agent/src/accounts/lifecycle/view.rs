//! What may be shown and signed with, and why not. It follows from the facts at once; what leaves
//! memory does so later, when the store has it.

use opkssh_protocol::time::UnixTime;

use super::facts::{
    AccountFacts, AgentFacts, Facts, Item, Leaving, Material, Memory, Step, StoreClosed, Stored,
};

/// Each account's credentials if it is shown, else why not.
pub type View<M> = Vec<(
    <M as Material>::Name,
    Result<<M as Material>::Credentials, Hidden>,
)>;

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

/// Returns what may be shown and signed with now.
pub fn view<M: Material>(facts: &Facts<M>, now: UnixTime) -> View<M> {
    let accounts = facts.accounts.iter().map(|account| {
        let shown = shown(&facts.agent, account, now);
        let credentials = shown.map(|item| item.credentials.clone());
        (account.name.clone(), credentials)
    });
    accounts.collect()
}

/// Returns the item of this account if it is shown, else why not.
pub fn shown<'a, M: Material>(
    agent: &AgentFacts<M>,
    account: &'a AccountFacts<M>,
    now: UnixTime,
) -> Result<&'a Item<M>, Hidden> {
    if account.leaving != Leaving::No {
        return Err(Hidden::Leaving);
    }
    if agent.lock.hides() {
        return Err(Hidden::Locked);
    }
    if account.is_overdue(agent.lifetime, now) {
        return Err(Hidden::Overdue);
    }
    if agent.suspended.any() {
        return Err(Hidden::Suspended);
    }
    if agent.dropped {
        return Err(Hidden::Dropped);
    }
    Err(match (&account.memory, account.stored) {
        (Memory::Full(item), _) => return Ok(item),
        (Memory::Sealed { .. }, _) => Hidden::NotLoaded,
        (Memory::Nothing, Stored::Missing) => Hidden::Missing,
        (Memory::Nothing, Stored::Unreadable) => Hidden::Unreadable,
        (Memory::Nothing, Stored::Damaged) => Hidden::Damaged,
        (Memory::Nothing, Stored::Older) => Hidden::Older,
        (Memory::Nothing, Stored::Unknown | Stored::Has(_)) => match agent.closed_store(account) {
            Some(closed) => Hidden::StoreClosed(closed.why),
            None if agent.ending => Hidden::Ending,
            None => Hidden::NotLoaded,
        },
    })
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
    let is_sealed = |account: &AccountFacts<M>| {
        let loads = matches!(
            account.running(),
            Some(Step::Load { .. } | Step::Unseal { .. })
        );
        account.item().is_none() && !loads
    };
    facts.agent.lock.is_locked() && facts.accounts.iter().all(is_sealed)
}
