//! Deliberate mistakes. Each one wraps the shipped functions and undoes what one rule does: it
//! edits the facts after an event, the facts that `next` sees, or the actions that it gives. So no
//! mistake is a branch in shipped code.

use opkssh_agent::lifecycle::{
    AccountFacts, Action, Event, Facts, Form, IndexEntry, Leaving, Loaded, Lock, Memory, Outcome,
    RefreshOutcome, Revocation, STORE_RETRY, Stage, Step, StoreFailure, Stored, Suspended, apply,
    next,
};
use opkssh_protocol::time::UnixTime;

use crate::model::Model;

macro_rules! mutants {
    ($($(#[$comment:meta])* $name:ident,)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Mutant {
            $($(#[$comment])* $name,)*
        }

        impl Mutant {
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

mutants! {
    /// The store gets the item of a refresh without the intent.
    DropsIntent,
    /// An answer is used before its refresh token is stored.
    SavesAfterUse,
    /// A suspended account leaves memory though the store does not have it.
    ForgetsUnsaved,
    RefreshesWhileLeaving,
    /// An item below the index's version is used.
    AcceptsOlder,
    /// A load that ends after a login replaces what that brought.
    AppliesToOtherLogin,
    /// `seal.json` goes although a store that has "nothing" may have it sealed.
    MissingNeedsNoKey,
    /// `seal.json` goes although an item was not read since the start.
    UnreadNeedsNoKey,
    /// A lock during an unlock takes a new key.
    ReplacesKey,
    /// Revokes and deletes before the tombstone is on disk.
    LeavesWithoutTombstone,
    /// Sends a refresh token again while the request before may still act.
    AsksAgainAtOnce,
    /// The index does not learn the version of the intent before the token is sent.
    IndexDoesNotLearn,
    /// A live entry learns a login before its save.
    LearnsBeforeSave,
    /// A save before the index names the account.
    SavesBeforeIndex,
    /// An answer that arrives while locked is lost.
    LosesAnswerWhileLocked,
    /// A login goes on leaving.
    LoginKeepsLeaving,
    /// A login takes a name from another person.
    TakesOthersName,
    /// A store that failed is not asked again.
    NeverRetriesStore,
    /// Always the same account asks a silent store.
    AsksInNoTurn,
    /// The note in accounts.json counts as a durable seal.
    TrustsNote,
    /// A refresh that failed is tried again at once.
    RetriesRefreshAtOnce,
    IgnoresSuspend,
    /// Locked before `seal.json` is on disk.
    LocksBeforeFile,
    /// `seal.json` is written while it is removed.
    WritesSealFileAtOnce,
    /// An answer waits for as long as the store is silent.
    AnswerWaitsForStore,
    /// A store that does not answer counts as one that has nothing to revoke.
    SilenceIsAnAnswer,
    /// A refresh goes on though its intent could not be saved.
    AsksUnsaved,
    /// Suspended during a save: what is unsaved counts as saved when that failed.
    FailedSaveCounts,
    /// A lock begun while an action runs: the account stays in clear.
    NeverSealsMemory,
    /// A wait that was set before the clock was set back goes on.
    WaitsAfterSetBack,
    /// Reads an item in clear while locked, in order to seal it later.
    LoadsWhileLocked,
    /// The note stays when the item is in clear again.
    KeepsNote,
    /// What the store does not have is asked for again and again.
    LoadsMissingForEver,
    /// A refresh that leaves the account due counts as a success.
    TakesOldTokens,
    /// `seal.json` goes while a logout still has to read what it revokes.
    LeavingNeedsNoKey,
    /// A request goes on waiting when no renewal may start.
    WaitsForNothing,
    /// A note is written only after the sealed save.
    SealsWithoutNote,
}

impl Mutant {
    /// Edits what is known at a start.
    pub fn after_start(self, facts: &mut Facts<Model>) {
        if self == Self::TrustsNote {
            for account in facts
                .accounts
                .iter_mut()
                .filter(|one| one.form == Form::Either)
            {
                account.form = Form::Sealed;
            }
        }
    }

    /// As the shipped `apply`, with the mistake.
    pub fn apply(self, facts: &mut Facts<Model>, event: Event<Model>, now: UnixTime) {
        let before = facts.clone();
        if let (Self::TakesOthersName, Event::LoggedIn(login)) = (self, &event) {
            for account in facts
                .accounts
                .iter_mut()
                .filter(|one| one.name == login.name)
            {
                account.person = login.person;
            }
        }
        apply(facts, event.clone(), now);
        match (self, &event) {
            (Self::IgnoresSuspend, _) => facts.agent.suspended = Suspended::default(),
            (Self::ReplacesKey, Event::LockRequested { key: new, .. }) => {
                if let Lock::Locking { key, .. } = &mut facts.agent.lock {
                    *key = *new;
                }
            }
            (Self::LocksBeforeFile, _) => {
                if let Lock::Locking { key, .. } = facts.agent.lock {
                    facts.agent.lock = Lock::Locked(key);
                }
            }
            _ => {}
        }
        let suspended = facts.agent.suspended.any();
        let locked = facts.agent.lock.is_locked();
        for account in &mut facts.accounts {
            let earlier = before.account(&account.name);
            self.edit(account, earlier, &event, suspended, locked);
        }
    }

    fn edit(
        self,
        account: &mut AccountFacts<Model>,
        before: Option<&AccountFacts<Model>>,
        event: &Event<Model>,
        suspended: bool,
        locked: bool,
    ) {
        let outcome = match event {
            Event::Ended(name, outcome) if *name == account.name => Some(outcome),
            _ => None,
        };
        match (self, outcome) {
            (Self::ForgetsUnsaved, _)
                if suspended && account.in_flight.is_none() && account.store.is_some() =>
            {
                account.memory = Memory::Nothing;
                account.answer = None;
            }
            (Self::AcceptsOlder, Some(Outcome::Loaded(Ok(Loaded::Found { item, .. }))))
                if account.stored == Stored::Older && account.memory == Memory::Nothing =>
            {
                account.stored = Stored::Has(item.version);
                account.memory = Memory::Full(item.clone());
            }
            (Self::AppliesToOtherLogin, Some(Outcome::Loaded(Ok(Loaded::Found { item, .. })))) => {
                let login = before.and_then(|before| Some(before.in_flight.as_ref()?.login));
                if login != Some(account.login) {
                    account.memory = Memory::Full(item.clone());
                }
            }
            (Self::LeavesWithoutTombstone, _) => {
                if let (Leaving::Wanted, Some(entry)) = (account.leaving, &mut account.index) {
                    entry.leaving = true;
                }
            }
            (Self::TakesOldTokens, Some(Outcome::Verified(Some(_)))) => {
                account.retries.refresh = None;
                account.refresh.failure = None;
            }
            (Self::WaitsForNothing, _) => {
                let before = before.filter(|before| before.login == account.login);
                let wanted = before.and_then(|before| before.wanted_until);
                account.wanted_until = account.wanted_until.or(wanted);
            }
            (Self::AsksAgainAtOnce, _) => account.retries.intent = None,
            (Self::RetriesRefreshAtOnce, _) => account.retries.refresh = None,
            (
                Self::LosesAnswerWhileLocked,
                Some(Outcome::Refreshed(RefreshOutcome::Answered { .. })),
            ) if locked => {
                if let Some(before) = before {
                    account.memory = before.memory.clone();
                    account.answer = None;
                }
            }
            (Self::LoginKeepsLeaving, _) => {
                if let (Event::LoggedIn(login), Some(before)) = (event, before)
                    && login.name == account.name
                {
                    account.leaving = before.leaving;
                }
            }
            (
                Self::SilenceIsAnAnswer,
                Some(Outcome::Loaded(Err(StoreFailure::Unavailable | StoreFailure::Unclear))),
            ) if account.leaving == Leaving::Wanted && account.has_left_index() => {
                account.leaving = Leaving::Revoked(Revocation::NotRead);
            }
            (Self::FailedSaveCounts, Some(Outcome::Saved(Err(_)))) if suspended => {
                account.memory = Memory::Nothing;
                account.answer = None;
            }
            _ => {}
        }
    }

    /// As the shipped `next`, with the mistake.
    pub fn next(self, facts: &Facts<Model>, now: UnixTime) -> Vec<Action<Model>> {
        let mut seen = facts.clone();
        for closed in &mut seen.agent.closed_stores {
            if self == Self::AsksInNoTurn {
                closed.asked_for = usize::MAX;
            }
            if self == Self::WaitsAfterSetBack {
                closed.retry_at = closed.retry_at.min(now.plus(STORE_RETRY));
            }
        }
        if self == Self::WritesSealFileAtOnce {
            seen.agent.seal_file_in_flight = false;
        }
        for account in &mut seen.accounts {
            self.blind(account, facts, now);
        }
        let mut actions = next(&seen, now);
        if self.is_about_seal_file() {
            // only what is done with seal.json is decided by the wrong facts
            actions.retain(|action| !matches!(action, Action::Account(..)));
            let right = next(facts, now).into_iter();
            actions.extend(right.filter(|action| matches!(action, Action::Account(..))));
        }
        let is_closed = !facts.agent.closed_stores.is_empty();
        actions.retain(|action| match action {
            Action::Account(_, step) => match self {
                Self::NeverRetriesStore => !(is_closed && step.uses_store()),
                Self::NeverSealsMemory => !matches!(step, Step::Seal { .. }),
                _ => true,
            },
            _ => true,
        });
        for action in &mut actions {
            if let Action::Account(name, step) = action
                && let Some(account) = facts.account(name)
            {
                self.change(step, account);
            }
        }
        if self == Self::AnswerWaitsForStore {
            actions.retain(|action| match action {
                Action::Account(name, Step::Verify { .. }) => facts
                    .account(name)
                    .is_some_and(|account| account.store.is_none() || account.is_saved()),
                _ => true,
            });
        }
        actions
    }

    fn is_about_seal_file(self) -> bool {
        matches!(
            self,
            Self::MissingNeedsNoKey | Self::UnreadNeedsNoKey | Self::LeavingNeedsNoKey
        )
    }

    /// Edits what `next` sees of an account.
    fn blind(self, account: &mut AccountFacts<Model>, facts: &Facts<Model>, now: UnixTime) {
        let version = account.memory_version();
        match self {
            Self::RefreshesWhileLeaving if account.leaving == Leaving::Wanted => {
                account.leaving = Leaving::No;
            }
            Self::LeavingNeedsNoKey if account.leaving == Leaving::Wanted => {
                account.leaving = Leaving::Revoked(Revocation::NotRead);
            }
            Self::WaitsAfterSetBack => {
                for retry_at in [&mut account.retries.load, &mut account.retries.save] {
                    *retry_at = retry_at.map(|at| at.min(now.plus(STORE_RETRY)));
                }
            }
            Self::LoadsMissingForEver if account.stored == Stored::Missing => {
                account.stored = Stored::Unknown;
            }
            Self::MissingNeedsNoKey
                if matches!(account.stored, Stored::Missing | Stored::Unreadable) =>
            {
                account.stored = Stored::Damaged;
            }
            Self::UnreadNeedsNoKey if account.stored == Stored::Unknown => {
                account.stored = Stored::Missing;
            }
            Self::IndexDoesNotLearn if account.refresh.stage == Stage::Armed => {
                if let (Some(entry), Some(version)) = (&mut account.index, version) {
                    entry.version = version;
                }
            }
            Self::AsksUnsaved if !facts.agent.closed_stores.is_empty() => {
                if let Some(version) = version {
                    account.stored = Stored::Has(version);
                }
            }
            Self::SealsWithoutNote if facts.agent.lock.is_locked() => {
                if let Some(entry) = &mut account.index {
                    entry.may_be_sealed = true;
                }
            }
            _ => {}
        }
    }

    /// Edits or replaces a step.
    fn change(self, step: &mut Step<Model>, account: &AccountFacts<Model>) {
        match (self, &mut *step) {
            (Self::LoadsWhileLocked, Step::LoadAndSeal { store, .. }) => {
                let (store, key) = (*store, None);
                *step = Step::Load { store, key };
            }
            (Self::KeepsNote, Step::WriteIndex(Some(entry))) => {
                entry.may_be_sealed |= account.is_noted() && !entry.leaving;
            }
            (Self::DropsIntent, Step::Save { item, .. }) => item.intent = false,
            (Self::SavesAfterUse, Step::Save { item, .. }) => {
                if let Some(answer) = account.answer {
                    *step = Step::Verify {
                        credentials: item.credentials,
                        answer,
                    };
                }
            }
            (Self::LearnsBeforeSave, Step::Save { item, .. }) => {
                if let Some(entry) = &account.index
                    && entry.version.login < item.version.login
                {
                    *step = Step::WriteIndex(Some(IndexEntry {
                        version: item.version,
                        ..entry.clone()
                    }));
                }
            }
            (Self::SavesBeforeIndex, Step::WriteIndex(Some(_))) if account.index.is_none() => {
                if let (Some(store), Some(item)) = (account.store, account.item()) {
                    let item = item.clone();
                    *step = Step::Save { store, item };
                }
            }
            _ => {}
        }
    }
}
