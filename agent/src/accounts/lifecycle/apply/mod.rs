//! How events change the facts. An event that no longer fits changes nothing.

mod ended;
mod settle;
mod start;

use opkssh_protocol::time::UnixTime;

use settle::settle;

use super::event::{Event, Login};
use super::facts::{
    AccountFacts, Action, AgentFacts, Facts, InFlight, Item, Leaving, Lock, Material, Memory,
    Notice, Refresh, Retries, Stage, Step, Stored, Version,
};
use super::retry::STORE_RETRY;

/// Changes the facts by one event.
pub fn apply<M: Material>(facts: &mut Facts<M>, event: Event<M>, now: UnixTime) {
    match event {
        Event::LoggedIn(login) => log_in(facts, login, now),
        Event::LogoutRequested { name, force } => log_out(facts, &name, force),
        Event::DefaultChosen(name) => {
            let accounts = &mut facts.accounts;
            if let Some(place) = accounts.iter().position(|one| one.name == name) {
                accounts[..=place].rotate_right(1);
            }
        }
        Event::Wanted { name, until } => {
            if let Some(account) = account_mut(facts, &name)
                && account.leaving == Leaving::No
            {
                account.wanted_until = account.wanted_until.max(Some(until));
                account.load_wanted = matches!(account.memory, Memory::Nothing);
            }
        }
        Event::LockRequested { key, password } => lock(facts, key, password),
        Event::Unlocked(key) => {
            if facts.agent.lock.is_locked() {
                facts.agent.lock = Lock::Opening(key);
                facts.agent.seal_file_retry_at = None;
                // a person waits, and what failed before may work with what was just unlocked
                for account in &mut facts.accounts {
                    account.retries.load = None;
                }
            }
        }
        Event::SessionChanged(suspended) => facts.agent.suspended = suspended,
        Event::MemoryDropped => drop_memory(facts),
        Event::ControlRequested => facts.agent.dropped = false,
        Event::StoreUnlocked(store) => {
            let closed_stores = &mut facts.agent.closed_stores;
            closed_stores.retain(|closed| closed.store != store);
            let its = |account: &&mut AccountFacts<M>| account.store == Some(store);
            for account in facts.accounts.iter_mut().filter(its) {
                account.retries.load = None;
                account.retries.save = None;
                account.retries.delete = None;
            }
        }
        Event::StoreGiven(store) => give_store(facts, store),
        Event::SettingsChanged(settings) => facts.agent.settings = settings,
        Event::Ending => end(facts),
        Event::TimePassed => {}
        Event::Started(action) => start(facts, action),
        Event::Ended(name, outcome) => {
            let closed = facts.agent.closed_stores.iter().map(|closed| closed.store);
            let closed: Vec<M::Store> = closed.collect();
            ended::end(facts, &name, outcome, now);
            save_again(facts, &closed, &name);
        }
        Event::SealFileWritten(result) => seal_file_written(&mut facts.agent, result.is_ok()),
        Event::SealFileRemoved(result) => {
            seal_file_removed(&mut facts.agent, result.is_ok(), now);
        }
    }
    settle(facts, now);
}

fn account_mut<'a, M: Material>(
    facts: &'a mut Facts<M>,
    name: &M::Name,
) -> Option<&'a mut AccountFacts<M>> {
    facts.accounts.iter_mut().find(|one| one.name == *name)
}

/// A login replaces what memory has and ends a logout, however far that got. Nothing of it is ever
/// undone: a store that does not take it now gets it later.
fn log_in<M: Material>(facts: &mut Facts<M>, login: Login<M>, now: UnixTime) {
    if !facts.takes_login(&login.name, &login.person) {
        return;
    }
    if facts.account(&login.name).is_none() {
        let (name, person) = (login.name.clone(), login.person.clone());
        let account = AccountFacts::new(name, person, login.store, None);
        facts.accounts.push(account);
    }
    let Some(account) = account_mut(facts, &login.name) else {
        return;
    };
    account.person = login.person;
    if account.index.is_none() {
        account.store = login.store;
    }
    account.login = now.0.max(account.login.saturating_add(1));
    account.refresh = Refresh {
        learn: login.refresh_token.is_some(),
        ..Refresh::default()
    };
    account.memory = Memory::Full(Item {
        version: Version {
            login: account.login,
            generation: 1,
        },
        intent: false,
        refresh_token: login.refresh_token,
        credentials: login.credentials,
    });
    account.answer = None;
    account.leaving = Leaving::No;
    account.is_given_up = false;
    account.retries = Retries::default();
    account.load_wanted = false;
}

impl<M: Material> AccountFacts<M> {
    /// Begins a logout, or goes on with the one that was begun.
    pub(super) fn leave(&mut self) {
        if self.leaving != Leaving::No {
            return;
        }
        self.leaving = Leaving::Wanted;
        self.wanted_until = None;
        self.load_wanted = false;
        // its token is revoked by what the store gives now, whatever it gave before
        if matches!(self.memory, Memory::Nothing) && self.store.is_some() {
            self.stored = Stored::Unknown;
        }
    }

    /// Empties memory. An answer is of no use without the item that it belongs to.
    pub(super) fn forget(&mut self) {
        self.memory = Memory::Nothing;
        self.answer = None;
        self.refresh.stage = Stage::Idle;
    }
}

/// Hides at once. While texts may be sealed to an earlier key, that one stays, or they were lost.
fn lock<M: Material>(facts: &mut Facts<M>, key: M::SealKey, password: M::Password) {
    let key = match &facts.agent.lock {
        Lock::Open => key,
        Lock::Opening(earlier) => earlier.clone(),
        Lock::Locking { .. } | Lock::Locked(_) => return,
    };
    facts.agent.lock = Lock::Locking { key, password };
}

fn seal_file_written<M: Material>(agent: &mut AgentFacts<M>, is_written: bool) {
    agent.seal_file_in_flight = false;
    if let Lock::Locking { key, .. } = &agent.lock {
        agent.lock = match is_written {
            true => Lock::Locked(M::recipient(key)),
            // an earlier file may be there: from here it is removed when nothing needs it
            false => Lock::Opening(key.clone()),
        };
    }
}

fn seal_file_removed<M: Material>(agent: &mut AgentFacts<M>, is_removed: bool, now: UnixTime) {
    agent.seal_file_in_flight = false;
    agent.seal_file_retry_at = (!is_removed).then(|| now.plus(STORE_RETRY));
    if is_removed && matches!(agent.lock, Lock::Opening(_)) {
        agent.lock = Lock::Open;
    }
}

/// What a store does not have yet is tried once more, whatever was tried before.
fn end<M: Material>(facts: &mut Facts<M>) {
    facts.agent.ending = true;
    facts.agent.closed_stores.clear();
    for account in &mut facts.accounts {
        account.retries.index = None;
        account.retries.save = None;
        account.retries.delete = None;
    }
}

/// A person waits, so that the store is asked at once, whatever it said before.
fn log_out<M: Material>(facts: &mut Facts<M>, name: &M::Name, force: bool) {
    let Some(account) = account_mut(facts, name) else {
        return;
    };
    account.leave();
    account.is_given_up |= force;
    account.retries.index = None;
    account.retries.load = None;
    account.retries.delete = None;
    let store = account.store;
    let closed_stores = &mut facts.agent.closed_stores;
    closed_stores.retain(|closed| Some(closed.store) != store);
}

/// Has the saves go on that a store refused which was closed and answers again, those of other
/// accounts than the one that it answered: what a provider says is used while a save waits. (Loads
/// go on at their time: two accounts could have each other tried again without end.)
fn save_again<M: Material>(facts: &mut Facts<M>, closed: &[M::Store], answered: &M::Name) {
    let Facts {
        agent, accounts, ..
    } = facts;
    let is_open = |store| !agent.closed_stores.iter().any(|now| now.store == store);
    let opened = |account: &&mut AccountFacts<M>| {
        let mut stores = closed.iter().copied();
        stores.any(|store| account.store == Some(store) && is_open(store))
    };
    for account in accounts.iter_mut().filter(opened) {
        if account.name != *answered {
            account.retries.save = None;
        }
    }
}

/// Gives a store to what is in memory only. A person waits, so that it is asked at once.
fn give_store<M: Material>(facts: &mut Facts<M>, store: M::Store) {
    let closed_stores = &mut facts.agent.closed_stores;
    closed_stores.retain(|closed| closed.store != store);
    for account in &mut facts.accounts {
        if account.leaving == Leaving::No && *account.store.get_or_insert(store) == store {
            account.retries.index = None;
            account.retries.save = None;
        }
    }
}

/// SIGUSR1: what is in memory only is gone at once; the rest goes when the store has it.
fn drop_memory<M: Material>(facts: &mut Facts<M>) {
    facts.agent.dropped = true;
    for account in &mut facts.accounts {
        if account.store.is_none() && !matches!(account.memory, Memory::Nothing) {
            account.forget();
            if account.leaving == Leaving::No {
                facts.notices.push(Notice::Dropped(account.name.clone()));
            }
        }
    }
}

fn start<M: Material>(facts: &mut Facts<M>, action: Action<M>) {
    let Action::Account(name, step) = action else {
        facts.agent.seal_file_in_flight = true;
        return;
    };
    let Some(account) = account_mut(facts, &name) else {
        return;
    };
    match &step {
        // the intent of a refresh is in memory from here, and is what the store must have
        Step::Save { item, .. } if account.memory_version() < Some(item.version) => {
            account.memory = Memory::Full(item.clone());
            account.refresh.stage = Stage::Armed;
        }
        Step::Load { .. } => account.load_wanted = false,
        Step::Refresh { .. } => account.refresh.stage = Stage::Intent,
        _ => {}
    }
    let login = account.login;
    account.in_flight = Some(InFlight { login, step });
}
