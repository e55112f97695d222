//! An agent with its files, store, provider and users. Each move is one start, one end, or one
//! thing that happens from outside.

use opkssh_agent::lifecycle::{
    Action, Event, Facts, FileFailed, IndexEntry, Item, Leaving, Loaded, Lock, Login, Memory,
    Outcome, RefreshOutcome, Revocation, Step, StoreFailure, Suspended, Version, apply, next, view,
    wake,
};
use opkssh_protocol::time::UnixTime;

use crate::model::{
    Broken, Credentials, LIFETIME, Model, Name, Person, SealKey, SealedText, Token,
};
use crate::mutants::Mutant;
use crate::provider::{Provider, Reply, Request, Validity};
use crate::store::{Content, Mode, NAMES, Store, StoreEnd, failed};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub now: i64,
    pub facts: Facts<Model>,
    /// Started and not ended.
    pub running: Vec<Action<Model>>,
    /// accounts.json.
    pub index: [Option<IndexEntry<Model>>; NAMES],
    pub seal_file: Option<SealKey>,
    pub store: Store,
    pub provider: Provider,
    pub lifetime: Option<i64>,
    pub lock_on: bool,
    pub next_key: SealKey,
    /// The key of the last lock; who knows the password has it.
    pub known: Known,
    pub mutant: Option<Mutant>,
}

/// What is true, whatever the facts say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Known {
    pub locked: bool,
    pub suspended: Suspended,
    pub dropped: bool,
    /// Since the last login under this name.
    pub logged_out: [bool; NAMES],
    /// The newest refresh token that the agent received, unless it was given up.
    pub newest: [Option<Token>; NAMES],
    /// Tokens whose successor this process received.
    pub spent: Vec<Token>,
    /// The agent tried to revoke the name's newest token since the logout, or could not.
    pub revocation_tried: [bool; NAMES],
    /// The store has a secret that it had confirmed to be deleted.
    pub excused_item: [bool; NAMES],
    /// The store has a text that it had confirmed to be replaced.
    pub excused_text: [bool; NAMES],
    /// `seal.json` went while the name was noted: its item was damaged.
    pub excused_note: [bool; NAMES],
    /// Another keyring answers since the agent started.
    pub swapped: bool,
    /// A save was tried since the last answer of a refresh.
    pub save_tried: [bool; NAMES],
    /// The clock was set back: a new login may have an earlier time than one that is forgotten.
    pub set_back: bool,
    /// When the last refresh began, if nothing came from outside since.
    pub asked_at: [Option<i64>; NAMES],
    /// Starts since anything else than starts and ends happened.
    pub starts: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// Starts one of the actions that `next` gives.
    Start(usize),
    /// Ends one of the running actions.
    End(usize, End),
    /// The provider acts on a request.
    Acts(usize),
    /// A late write is done, or never will be.
    Late(bool),
    /// Time passes, or the clock is set.
    Wait(i64),
    User(User),
    Fault(Fault),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// As store and provider are now.
    Works,
    Fails,
    Store(StoreEnd),
    /// A refresh: the time limit passes.
    NoAnswer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum User {
    LogIn {
        name: Name,
        person: Person,
        has_store: bool,
        rotates: bool,
    },
    LogOut(Name),
    GiveUp(Name),
    Prefer(Name),
    Want(Name),
    Lock,
    Unlock,
    Suspend(bool, bool),
    DropMemory,
    Control,
    UnlockStore,
    GiveStore,
    Configure(u8),
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A bit for each running action: done or not. The agent starts again.
    Kill(u32),
    /// As a kill; for each name a bit from 16 on: the store loses what was not synced.
    PowerLoss(u32),
    OtherKeyring,
    CopyKeyring,
    Store(Mode),
    FailingItem(Name),
    DamagedItem(Name),
    ProviderRefuses(bool),
}

pub const START: i64 = 1_000_000;

impl World {
    pub fn new(lock_on: bool, lifetime: Option<i64>, mutant: Option<Mutant>) -> Self {
        let mut world = Self {
            now: START,
            facts: Facts::at_start([], None, Suspended::default(), 0, lifetime, UnixTime(START)),
            running: Vec::new(),
            index: [const { None }; NAMES],
            seal_file: None,
            store: Store::default(),
            provider: Provider::default(),
            lifetime,
            lock_on,
            next_key: 1,
            known: Known::default(),
            mutant,
        };
        world.start_agent();
        world
    }

    pub fn time(&self) -> UnixTime {
        UnixTime(self.now)
    }

    /// Returns what the agent would start now.
    pub fn next(&self) -> Vec<Action<Model>> {
        match self.mutant {
            None => next(&self.facts, self.time()),
            Some(mutant) => mutant.next(&self.facts, self.time()),
        }
    }

    fn apply(&mut self, event: Event<Model>) -> Result<(), Broken> {
        let accounts = self.facts.accounts.iter();
        let versions = accounts.map(|account| (account.name, account.memory_version()));
        let versions: Vec<(Name, Option<Version>)> = versions.collect();
        let now = self.time();
        match self.mutant {
            None => apply(&mut self.facts, event, now),
            Some(mutant) => mutant.apply(&mut self.facts, event, now),
        }
        self.facts.notices.clear();
        let is_lower = |(name, before): &(Name, Option<Version>)| {
            let account = self.facts.account(name);
            let after = account.and_then(|account| account.memory_version());
            after.is_some() && after < *before
        };
        match versions.iter().any(is_lower) {
            true => Err("4: a version went down in memory"),
            false => Ok(()),
        }
    }

    /// Makes one move. `actions` is what [`next`](Self::next) gives, where it is at hand.
    pub fn step(&mut self, step: Move, actions: Option<Vec<Action<Model>>>) -> Result<(), Broken> {
        if !matches!(step, Move::Start(_) | Move::End(..)) {
            self.known.starts = 0;
        }
        match step {
            Move::Start(place) => {
                let mut actions = actions.unwrap_or_else(|| self.next());
                if place < actions.len() {
                    self.start(actions.swap_remove(place))?;
                }
            }
            Move::End(place, end) => {
                if place < self.running.len() {
                    self.end(place, end)?;
                }
            }
            Move::Acts(place) => {
                if place < self.provider.requests.len() {
                    self.provider.act(place, self.now);
                    self.provider.bury(self.now);
                }
            }
            Move::Late(done) => self.store.settle_late(done),
            Move::Wait(seconds) => self.wait(seconds)?,
            Move::User(user) => {
                self.known.asked_at = [None; NAMES];
                self.user(user)?;
            }
            Move::Fault(fault) => {
                self.known.asked_at = [None; NAMES];
                self.fault(fault);
            }
        }
        self.check()
    }

    fn start(&mut self, action: Action<Model>) -> Result<(), Broken> {
        self.check_start(&action)?;
        self.known.starts += 1;
        if let Action::Account(name, Step::Refresh { token, .. }) = &action {
            self.known.asked_at[*name] = Some(self.now);
            self.provider.requests.push(Request {
                name: *name,
                token: *token,
                reply: None,
                orphan_until: None,
            });
        }
        self.running.push(action.clone());
        self.apply(Event::Started(action))
    }

    fn end(&mut self, place: usize, end: End) -> Result<(), Broken> {
        let action = self.running.swap_remove(place);
        let works = end == End::Works;
        let file = works.then_some(()).ok_or(FileFailed);
        match action {
            Action::WriteSealFile { key, .. } => {
                match works {
                    true => self.seal_file = Some(key),
                    false => self.known.locked = false,
                }
                self.apply(Event::SealFileWritten(file))
            }
            Action::RemoveSealFile => {
                if works {
                    self.seal_file = None;
                }
                self.apply(Event::SealFileRemoved(file))
            }
            Action::Account(name, step) => {
                let outcome = self.outcome(name, &step, end);
                self.apply(Event::Ended(name, outcome))
            }
        }
    }

    fn outcome(&mut self, name: Name, step: &Step<Model>, end: End) -> Outcome<Model> {
        let works = end == End::Works;
        match step {
            Step::WriteIndex(entry) => {
                if works {
                    self.index[name].clone_from(entry);
                }
                Outcome::IndexWritten(works.then_some(()).ok_or(FileFailed))
            }
            Step::Seal { item, recipient } => Outcome::Sealed(works.then(|| SealedText {
                key: *recipient,
                item: item.clone(),
            })),
            Step::Unseal { text, key } => {
                Outcome::Unsealed((text.key == *key).then(|| text.item.clone()))
            }
            Step::Refresh { token, .. } => Outcome::Refreshed(self.asked(name, *token, end)),
            Step::Verify {
                credentials,
                answer,
            } => Outcome::Verified(works.then_some(Credentials {
                renew_at: answer.renew_at,
                ..*credentials
            })),
            Step::Revoke { token, .. } => {
                self.known.revocation_tried[name] = true;
                if !works {
                    return Outcome::Revoked(Revocation::Failed);
                }
                self.provider.revoke(*token);
                Outcome::Revoked(Revocation::Revoked)
            }
            _ => self.store_outcome(name, step, end),
        }
    }

    fn store_outcome(&mut self, name: Name, step: &Step<Model>, end: End) -> Outcome<Model> {
        let outcome = self.end_in_store(name, step, self.store_end(name, end));
        self.known.save_tried[name] |= matches!(step, Step::Save { .. });
        if let Outcome::Loaded(loaded) = &outcome {
            // what the store gives as an answer, and is not a usable item, ends the try
            let is_usable = |loaded: &Loaded<Model>| match (loaded, &self.index[name]) {
                (Loaded::Found { item, .. }, Some(entry)) => item.version >= entry.version,
                _ => false,
            };
            self.known.revocation_tried[name] |= match loaded {
                Ok(loaded) => !is_usable(loaded),
                Err(failure) => *failure == StoreFailure::Item,
            };
        }
        outcome
    }

    /// Returns how a store's action for this name ends: as the move says, else as the store is.
    pub fn store_end(&self, name: Name, end: End) -> StoreEnd {
        match (end, self.store.mode) {
            (End::Store(end), _) => end,
            (_, Mode::Working) if self.store.failing[name] => StoreEnd::ItemFails,
            (_, Mode::Working) => StoreEnd::Works,
            (_, Mode::Locked) => StoreEnd::IsLocked,
            (_, Mode::Unavailable) => StoreEnd::IsUnavailable,
            (_, Mode::Hanging) => StoreEnd::HangsLate,
        }
    }

    fn end_in_store(&mut self, name: Name, step: &Step<Model>, end: StoreEnd) -> Outcome<Model> {
        match end {
            StoreEnd::ItemFails => failed(step, StoreFailure::Item),
            StoreEnd::IsLocked => failed(step, StoreFailure::Locked),
            StoreEnd::IsUnavailable => failed(step, StoreFailure::Unavailable),
            StoreEnd::HangsLate => {
                // in the order sent: what was late before happened before
                self.store.settle_late(self.now % 2 == 0);
                if !matches!(step, Step::Load { .. }) {
                    self.store.late = Some((name, step.clone()));
                }
                failed(step, StoreFailure::Unclear)
            }
            StoreEnd::Works | StoreEnd::HangsDone => {
                self.store.settle_late(self.now % 2 == 0);
                let outcome = self.store.perform(name, step);
                if matches!(step, Step::Delete { .. }) {
                    self.known.excused_item[name] = false;
                }
                match end {
                    StoreEnd::HangsDone => failed(step, StoreFailure::Unclear),
                    _ => outcome,
                }
            }
        }
    }

    fn asked(&mut self, name: Name, token: Token, end: End) -> RefreshOutcome<Model> {
        let is_it = |request: &Request| request.name == name && request.orphan_until.is_none();
        let Some(place) = self.provider.requests.iter().position(is_it) else {
            return RefreshOutcome::NotSent;
        };
        if end == End::Fails && self.provider.requests[place].reply.is_none() {
            self.provider.requests.swap_remove(place);
            return RefreshOutcome::NotSent;
        }
        if end != End::Works {
            self.provider.orphan(place, self.now);
            return RefreshOutcome::NoAnswer;
        }
        self.provider.act(place, self.now);
        self.known.save_tried[name] = false;
        match self.provider.requests.swap_remove(place).reply {
            Some(Reply::Tokens(refresh_token, answer)) => {
                let account = self.facts.account(&name);
                let item = account.and_then(|account| account.item());
                let is_current = item.is_some_and(|item| item.refresh_token == Some(token));
                if refresh_token.is_some() && is_current {
                    self.known.spent.push(token);
                    let wanted = !self.known.logged_out[name];
                    self.known.newest[name] = refresh_token.filter(|_| wanted);
                }
                RefreshOutcome::Answered {
                    refresh_token,
                    answer,
                }
            }
            Some(Reply::InvalidGrant) => {
                self.known.newest[name] = None;
                RefreshOutcome::InvalidGrant
            }
            Some(Reply::Refused) | None => RefreshOutcome::Refused,
        }
    }

    fn wait(&mut self, seconds: i64) -> Result<(), Broken> {
        let (now, then) = (self.time(), UnixTime(self.now + seconds));
        let wakes = wake(&self.facts, now).is_some_and(|wake| wake <= then);
        if seconds > 0 && !wakes && self.mutant.is_none() {
            // what there was to do before would have been started
            let none_new = next(&self.facts, then).is_empty() || !next(&self.facts, now).is_empty();
            let is_same = none_new && view(&self.facts, now) == view(&self.facts, then);
            if !is_same {
                return Err("wake: time alone changed what to do or to show, and nothing woke");
            }
        }
        self.now = then.0;
        if seconds < 0 {
            self.known.set_back = true;
            self.known.asked_at = [None; NAMES];
            // how long requests live is real time, which facts cannot see here
            self.provider
                .requests
                .retain(|request| request.orphan_until.is_none());
        }
        self.provider.bury(self.now);
        if seconds >= 30 {
            self.sync();
        }
        self.apply(Event::TimePassed)
    }

    pub fn sync(&mut self) {
        self.store.synced = self.store.ring().clone();
    }

    fn user(&mut self, user: User) -> Result<(), Broken> {
        let event = match user {
            User::LogIn {
                name,
                person,
                has_store,
                rotates,
            } => return self.log_in(name, person, has_store, rotates),
            User::LogOut(name) => {
                if self.facts.account(&name).is_some() && !self.known.logged_out[name] {
                    self.known.logged_out[name] = true;
                    self.known.newest[name] = None;
                    self.known.revocation_tried[name] &= self.is_leaving(name);
                }
                Event::LogoutRequested { name, force: false }
            }
            User::GiveUp(name) => {
                if self.facts.account(&name).is_some() {
                    self.known.logged_out[name] = true;
                    self.known.newest[name] = None;
                    // nobody asks that it be revoked
                    self.known.revocation_tried[name] = true;
                }
                Event::LogoutRequested { name, force: true }
            }
            User::Prefer(name) => Event::DefaultChosen(name),
            User::Want(name) => Event::Wanted {
                name,
                until: UnixTime(self.now + 30),
            },
            User::Lock => {
                self.next_key += 1;
                let open = matches!(self.facts.agent.lock, Lock::Open | Lock::Opening(_));
                self.known.locked |= open;
                Event::LockRequested {
                    key: self.next_key,
                    password: (),
                }
            }
            User::Unlock => match (&self.facts.agent.lock, self.seal_file) {
                (Lock::Locked(_), Some(key)) => {
                    self.known.locked = false;
                    Event::Unlocked(key)
                }
                _ => return Ok(()),
            },
            User::Suspend(screen, sleep) => {
                self.known.suspended = Suspended { screen, sleep };
                Event::SessionChanged(self.known.suspended)
            }
            User::DropMemory => {
                self.known.dropped = true;
                for account in self.facts.accounts.iter().filter(|one| one.store.is_none()) {
                    self.known.newest[account.name] = None;
                }
                Event::MemoryDropped
            }
            User::Control => {
                self.known.dropped = false;
                Event::ControlRequested
            }
            User::UnlockStore => Event::StoreUnlocked(0),
            User::GiveStore => Event::StoreGiven(0),
            User::Configure(settings) => Event::SettingsChanged(settings),
            User::End => Event::Ending,
        };
        self.apply(event)
    }

    fn log_in(
        &mut self,
        name: Name,
        person: Person,
        has_store: bool,
        rotates: bool,
    ) -> Result<(), Broken> {
        let refresh_token = self.provider.log_in(rotates);
        let belongs_to_other = |entry: &IndexEntry<Model>| {
            entry.person != person && (entry.version.generation > 0 || entry.leaving)
        };
        let is_others = self.index[name].as_ref().is_some_and(belongs_to_other)
            || self.facts.account(&name).is_some_and(|account| {
                account.person != person && account.memory != Memory::Nothing
            });
        let event = Event::LoggedIn(Login {
            name,
            person,
            store: has_store.then_some(0),
            refresh_token: Some(refresh_token),
            credentials: Credentials {
                person,
                renew_at: self.now + LIFETIME,
            },
        });
        let before = self.facts.account(&name).map(|account| account.login);
        self.apply(event)?;
        let after = self.facts.account(&name).map(|account| account.login);
        if before == after {
            return Ok(());
        }
        self.known.logged_out[name] = false;
        self.known.newest[name] = Some(refresh_token);
        if self.known.locked {
            return Err("6: a login was taken while locked");
        }
        match is_others {
            true => Err("10: a login replaced another person's account"),
            false => Ok(()),
        }
    }

    /// Returns true if the newest token of a name is in memory, an action or the store, in both
    /// keyrings or in the one that answers.
    pub fn has_newest(&self, name: Name, both: bool) -> bool {
        let token = self.known.newest[name];
        let has = |item: &Item<Model>| item.refresh_token == token;
        let account = self.facts.account(&name);
        let in_memory = account.is_some_and(|account| match &account.memory {
            Memory::Full(item) => has(item),
            Memory::Sealed { text, .. } => has(&text.item),
            Memory::Nothing => false,
        });
        let in_step = |(of, step): (Name, &Step<Model>)| {
            of == name
                && match step {
                    Step::Save { item, .. } | Step::Seal { item, .. } => has(item),
                    Step::SaveSealed { text, .. } | Step::Unseal { text, .. } => has(&text.item),
                    _ => false,
                }
        };
        let stored = |ring: &[Option<Content>; NAMES]| match &ring[name] {
            Some(Content::Damaged) => true, // lost by the store, and the facts will say so
            content => content.as_ref().and_then(Content::item).is_some_and(has),
        };
        let running = self.running.iter().filter_map(|action| match action {
            Action::Account(name, step) => Some((*name, step)),
            _ => None,
        });
        let late = self.store.late.iter().map(|(name, step)| (*name, step));
        in_memory
            || (both && self.store.rings.iter().any(stored))
            || stored(self.store.ring())
            || running.chain(late).any(in_step)
    }

    pub fn is_spent(&self, token: Token) -> bool {
        self.provider.state(token).validity == Validity::Spent
    }

    pub fn is_leaving(&self, name: Name) -> bool {
        let account = self.facts.account(&name);
        account.is_some_and(|account| account.leaving != Leaving::No)
    }
}
