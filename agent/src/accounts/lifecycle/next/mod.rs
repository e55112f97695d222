//! Which actions to start. For each account, the first group that applies decides; while its step
//! waits for a retry, no later group runs.

mod leave;
mod locked;
mod memory;
mod refresh;
mod seal_file;

use opkssh_protocol::time::UnixTime;

use super::facts::{
    AccountFacts, Action, AgentFacts, Facts, IndexEntry, Lock, Material, Step, Version,
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
    facts.accounts.iter().any(|other| {
        other.running().is_some_and(Step::is_load)
            && other.store == account.store
            && other.name != account.name
    })
}

/// Returns true if the account's store may be asked. One that failed is asked for one account at a
/// time, each in its turn, until it answers. A request asks sooner.
fn may_ask_store<M: Material>(
    facts: &Facts<M>,
    account: &AccountFacts<M>,
    step: &Step<M>,
    now: UnixTime,
) -> bool {
    if step.is_load() && is_store_loading(facts, account) {
        return false;
    }
    let Some(closed) = facts.agent.closed_store(account) else {
        return true;
    };
    if account.load_wanted && step.is_load() && is_wanted_due(Some(closed.retry_at), now) {
        return true;
    }
    if !is_due(Some(closed.retry_at), STORE_RETRY, now) {
        return false;
    }
    let order = |name: &M::Name| (*name <= closed.asked_for, name.clone());
    let goes_first = |other: &AccountFacts<M>| match other.running() {
        Some(step) => step.uses_store(),
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
    let mut others = facts.accounts.iter();
    !others.any(|other| other.store == account.store && goes_first(other))
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
        let is_due = match self.account.load_wanted {
            true => is_wanted_due(retry_at, self.now),
            false => is_due(retry_at, STORE_RETRY, self.now),
        };
        let key = self.agent.lock.key().cloned();
        do_if(self.may_ask_store && is_due, Step::Load { store, key })
    }

    /// Does a step that asks the store.
    fn ask_store(&self, step: Step<M>, retry_at: Option<UnixTime>) -> Decision<M> {
        let is_due = is_due(retry_at, STORE_RETRY, self.now);
        do_if(self.may_ask_store && is_due, step)
    }

    fn write_index(&self, entry: Option<IndexEntry<M>>) -> Decision<M> {
        let is_due = is_due(self.account.retries.index, STORE_RETRY, self.now);
        do_if(is_due, Step::WriteIndex(entry))
    }

    /// Opens the text in memory with the key of a lock that is over.
    fn unseal(&self, text: &M::SealedText) -> Decision<M> {
        self.agent.lock.key().map_or(Wait, |key| {
            Do(Step::Unseal {
                text: text.clone(),
                key: key.clone(),
            })
        })
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

fn do_if<M: Material>(condition: bool, step: Step<M>) -> Decision<M> {
    match condition {
        true => Do(step),
        false => Wait,
    }
}
