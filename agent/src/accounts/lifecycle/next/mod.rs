//! Which actions to start. For each account, the first group that applies decides; while its step
//! waits for a retry, no later group runs.

mod leave;
mod locked;
mod memory;
mod refresh;
mod seal_file;

use opkssh_protocol::time::UnixTime;

use super::action::{Action, Step};
use super::facts::{
    AccountFacts, AgentFacts, ClosedStore, Facts, IndexEntry, Lock, Material, Running, StoreClosed,
    Version,
};
use super::retry::{STORE_RETRY, is_due, is_wanted_due};

/// Returns what to start now: at most one action for each account that has none in flight, and one
/// for the agent. Time alone changes the answer no earlier than [`wake`](super::wake()).
pub fn next<M: Material>(facts: &Facts<M>, now: UnixTime) -> Vec<Action<M>> {
    let mut actions = Vec::new();
    actions.extend(seal_file::seal_file_action(facts, now));
    for account in &facts.accounts {
        if let Some(step) = next_step(facts, account, now) {
            actions.push(Action::Account(account.name.clone(), step));
        }
    }
    actions
}

/// Returns what to start now for this account.
pub(super) fn next_step<M: Material>(
    facts: &Facts<M>,
    account: &AccountFacts<M>,
    now: UnixTime,
) -> Option<Step<M>> {
    if account.in_flight.is_some() {
        return None;
    }
    let turn = |may_ask_store| Turn {
        agent: &facts.agent,
        account,
        now,
        may_ask_store,
    };
    match turn(true).step()? {
        step if step.uses_store() && !may_ask_store(facts, account, &step, now) => {
            turn(false).step()
        }
        step => Some(step),
    }
}

/// Returns true if a store reads the item of another account than this one. Loads wait for each
/// other: a locked keyring asks a person for its password once, not once for each account.
pub(super) fn is_store_loading<M: Material>(facts: &Facts<M>, account: &AccountFacts<M>) -> bool {
    let loads = |other: &AccountFacts<M>| {
        let running = other.in_flight.as_ref().map(|one| &one.running);
        let is_load = matches!(running, Some(Running::Load | Running::LoadAndSeal));
        is_load && other.store == account.store && other.name != account.name
    };
    facts.accounts.iter().any(loads)
}

/// Returns true if the account's store may be asked. One that failed is asked for one account at a
/// time, each in its turn, until it answers. A request asks sooner.
fn may_ask_store<M: Material>(
    facts: &Facts<M>,
    account: &AccountFacts<M>,
    step: &Step<M>,
    now: UnixTime,
) -> bool {
    let is_load = matches!(step, Step::Load { .. } | Step::LoadAndSeal { .. });
    if is_load && is_store_loading(facts, account) {
        return false;
    }
    let is_closed = |closed: &&ClosedStore<M>| Some(closed.store) == account.store;
    let Some(closed) = facts.agent.closed_stores.iter().find(is_closed) else {
        return true;
    };
    if account.load_wanted && is_load && is_wanted_due(Some(closed.retry_at), now) {
        return true;
    }
    if !is_due(Some(closed.retry_at), STORE_RETRY, now) {
        return false;
    }
    let order = |name: &M::Name| (*name <= closed.asked_for, name.clone());
    let goes_first = |other: &AccountFacts<M>| match &other.in_flight {
        Some(in_flight) => in_flight.running.uses_store(),
        None => {
            let turn = Turn {
                agent: &facts.agent,
                account: other,
                now,
                may_ask_store: true,
            };
            order(&other.name) < order(&account.name)
                && turn.step().is_some_and(|step| step.uses_store())
        }
    };
    !facts
        .accounts
        .iter()
        .any(|other| other.store == account.store && goes_first(other))
}

/// One account's turn to do something.
struct Turn<'a, M: Material> {
    agent: &'a AgentFacts<M>,
    account: &'a AccountFacts<M>,
    now: UnixTime,
    may_ask_store: bool,
}

/// What one group of rules says.
enum Decision<M: Material> {
    Do(Step<M>),
    /// A step of this group waits: no later group runs.
    Wait,
    Pass,
}

/// One group of rules.
type Group<M> = for<'a, 'b> fn(&'a Turn<'b, M>) -> Decision<M>;

use Decision::{Do, Pass, Wait};

impl<M: Material> Turn<'_, M> {
    fn step(&self) -> Option<Step<M>> {
        // starts nothing: should the file fail, all goes on as before
        if matches!(self.agent.lock, Lock::Locking { .. }) {
            return None;
        }
        let groups: [Group<M>; 6] = [
            locked::seal_memory,
            leave::leave,
            locked::seal_store,
            memory::settle_memory,
            memory::load,
            refresh::refresh,
        ];
        for group in groups {
            match group(self) {
                Do(step) => return Some(step),
                Wait => return None,
                Pass => {}
            }
        }
        None
    }

    fn load_now(&self) -> Decision<M> {
        let Some(store) = self.account.store else {
            return Wait;
        };
        let retry_at = self.account.retries.load;
        let wanted = self.account.load_wanted && is_wanted_due(retry_at, self.now);
        match self.may_ask_store && (wanted || is_due(retry_at, STORE_RETRY, self.now)) {
            true => Do(Step::Load {
                store,
                key: self.agent.lock.key().cloned(),
            }),
            false => Wait,
        }
    }

    fn is_store_locked(&self) -> bool {
        let mut closed = self.agent.closed_stores.iter();
        let is_locked = |closed: &ClosedStore<M>| closed.why == StoreClosed::Locked;
        closed.any(|closed| Some(closed.store) == self.account.store && is_locked(closed))
    }

    fn is_away(&self) -> bool {
        self.agent.is_away()
    }

    fn store_is_due(&self, retry_at: Option<UnixTime>) -> bool {
        self.may_ask_store && is_due(retry_at, STORE_RETRY, self.now)
    }

    fn write_index(&self, entry: Option<IndexEntry<M>>) -> Decision<M> {
        match is_due(self.account.retries.index, STORE_RETRY, self.now) {
            true => Do(Step::WriteIndex(entry)),
            false => Wait,
        }
    }

    /// The entry of a login that the index does not know, from before its first save.
    fn first_entry(&self, store: M::Store, may_be_sealed: bool) -> IndexEntry<M> {
        IndexEntry {
            person: self.account.person.clone(),
            store,
            version: Version {
                login: self.account.login,
                generation: 0,
            },
            leaving: false,
            may_be_sealed,
            profile: self.account.profile.clone(),
        }
    }
}

impl<M: Material> AgentFacts<M> {
    /// Returns true if nothing is loaded or refreshed, whoever asks.
    pub fn is_away(&self) -> bool {
        self.suspended.any() || self.dropped || self.ending
    }
}
