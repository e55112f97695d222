//! What the end of an action changes. What it says of store, index or provider is noted in any
//! case; memory changes only if the action was for the login that is there.

use opkssh_protocol::time::UnixTime;

use super::super::event::{Loaded, Outcome, RefreshOutcome, SealedInStore, StoreFailure};
use super::super::facts::{
    AccountFacts, AgentFacts, ClosedStore, Facts, Form, InFlight, IndexEntry, Item, Leaving,
    Material, Memory, Notice, RefreshFailure, Stage, Step, StoreClosed, Stored, Version,
};
use super::super::retry::{REQUEST_LIMIT, STORE_RETRY, refresh_retry};

/// Applies the end of the action in flight.
pub(super) fn end<M: Material>(
    facts: &mut Facts<M>,
    name: &M::Name,
    outcome: Outcome<M>,
    now: UnixTime,
) {
    let (agent, notices) = (&mut facts.agent, &mut facts.notices);
    let Some(account) = facts.accounts.iter_mut().find(|one| one.name == *name) else {
        return;
    };
    let Some(InFlight { login, step }) = account.in_flight.take() else {
        return;
    };
    note_store(agent, account, &outcome, now);
    let is_current = login == account.login;
    let again = |failed: bool| failed.then(|| now.plus(STORE_RETRY));
    match (step, outcome) {
        (Step::WriteIndex(entry), Outcome::IndexWritten(written)) => {
            account.retries.index = again(written.is_err());
            if written.is_ok() {
                account.index = entry;
            }
        }
        (Step::Load { .. }, Outcome::Loaded(loaded)) => {
            account.retries.load = again(loaded.is_err());
            match loaded {
                Ok(loaded) => account.loaded(loaded, is_current, now),
                Err(StoreFailure::Item) => account.stored = Stored::Unreadable,
                Err(_) => {}
            }
        }
        (Step::LoadAndSeal { .. }, Outcome::SealedInStore(sealed)) => {
            // what the store does not have now may be in the keyring that answers next
            let done = matches!(sealed, Ok(SealedInStore::Done(_) | SealedInStore::Already));
            account.retries.load = again(!done);
            account.sealed_in_store(sealed);
            // a logout revokes what a load gives that begins after it
            if account.leaving == Leaving::Wanted {
                account.stored = Stored::Unknown;
            }
        }
        (Step::Save { item, .. }, Outcome::Saved(saved)) => {
            account.retries.save = again(saved.is_err());
            account.saved(item.version, Form::Clear, saved);
        }
        (Step::SaveSealed { version, .. }, Outcome::Saved(saved)) => {
            account.retries.save = again(saved.is_err());
            account.saved(version, Form::Sealed, saved);
        }
        (Step::Delete { .. }, Outcome::Deleted(deleted)) => {
            account.retries.delete = again(deleted.is_err());
            match deleted {
                Ok(()) => {
                    account.stored = Stored::Missing;
                    account.form = Form::Clear;
                    if let (true, Leaving::Revoked(outcome)) = (is_current, account.leaving) {
                        account.leaving = Leaving::Deleted(outcome);
                    }
                }
                Err(StoreFailure::Unclear) => account.stored = Stored::Unknown,
                Err(_) => {}
            }
        }
        (Step::Seal { .. }, Outcome::Sealed(text)) => {
            account.retries.seal = again(text.is_none());
            // after an unlock the text in clear goes on being used
            if let (true, true, Some(text)) = (is_current, agent.lock.is_locked(), text)
                && let Some(version) = account.item().map(|item| item.version)
            {
                account.forget();
                account.memory = Memory::Sealed { version, text };
            }
        }
        (Step::Unseal { .. }, Outcome::Unsealed(item))
            if is_current && matches!(account.memory, Memory::Sealed { .. }) =>
        {
            match item {
                Some(item) => account.fill(item, now),
                None => {
                    account.forget();
                    account.stored = Stored::Damaged;
                }
            }
        }
        (Step::Refresh { after_intent, .. }, Outcome::Refreshed(asked)) if is_current => {
            if let Some(failure) = account.asked(asked, after_intent, now) {
                account.refresh_failed(failure, now);
                notices.push(Notice::RefreshFailed(account.name.clone(), failure));
            }
        }
        (Step::Verify { .. }, Outcome::Verified(credentials))
            if is_current && account.answer.is_some() =>
        {
            account.answer = None;
            account.verified(credentials, agent, now);
        }
        (Step::Revoke { .. }, Outcome::Revoked(outcome))
            if is_current && account.leaving == Leaving::Wanted =>
        {
            account.leaving = Leaving::Revoked(outcome);
        }
        // for a login that is not there any more
        _ => {}
    }
}

/// A store that answers, if only with an error for this item, is ready again for all.
fn note_store<M: Material>(
    agent: &mut AgentFacts<M>,
    account: &AccountFacts<M>,
    outcome: &Outcome<M>,
    now: UnixTime,
) {
    let failure = match outcome {
        Outcome::Loaded(loaded) => loaded.as_ref().err().copied(),
        Outcome::SealedInStore(sealed) => sealed.err(),
        Outcome::Saved(done) | Outcome::Deleted(done) => done.err(),
        _ => return,
    };
    let Some(store) = account.store else {
        return;
    };
    agent.closed_stores.retain(|closed| closed.store != store);
    let why = match failure {
        None | Some(StoreFailure::Item) => return,
        Some(StoreFailure::Locked) => StoreClosed::Locked,
        Some(StoreFailure::Unavailable | StoreFailure::Unclear) => StoreClosed::Silent,
    };
    agent.closed_stores.push(ClosedStore {
        store,
        why,
        retry_at: now.plus(STORE_RETRY),
        asked_for: account.name.clone(),
    });
}

impl<M: Material> AccountFacts<M> {
    /// Notes what the store gave. A version below the index's is never used, and a lower version
    /// never replaces what a login brought meanwhile.
    fn loaded(&mut self, loaded: Loaded<M>, is_current: bool, now: UnixTime) {
        let (item, was_sealed) = match loaded {
            Loaded::Found { item, was_sealed } => (item, was_sealed),
            Loaded::Nothing => return self.stored = Stored::Missing,
            Loaded::Damaged => return self.stored = Stored::Damaged,
        };
        self.form = match was_sealed {
            true => Form::Sealed,
            false => Form::Clear,
        };
        self.stored = self.has(item.version);
        self.is_read = true;
        let is_used = is_current
            && matches!(self.memory, Memory::Nothing)
            && self.stored == Stored::Has(item.version);
        if is_used {
            self.login = item.version.login;
            self.fill(item, now);
            return;
        }
        // the store has a login that was not known of when memory's came: that one is the later
        let login = item.version.login.saturating_add(1);
        if let Some(item) = self.item_mut().filter(|item| item.version.login < login) {
            item.version.login = login;
            self.login = login;
        }
    }

    /// Returns what the store has, if it is this version.
    fn has(&self, version: Version) -> Stored {
        let is_older = |entry: &IndexEntry<M>| version < entry.version;
        match self.index.as_ref().is_some_and(is_older) {
            true => Stored::Older,
            false => Stored::Has(version),
        }
    }

    /// Memory gets an item that was saved before. If it has the intent, the answer to a request of
    /// an earlier process may be outstanding.
    fn fill(&mut self, item: Item<M>, now: UnixTime) {
        self.refresh.stage = Stage::Idle;
        if item.intent {
            self.refresh.stage = Stage::Intent;
            self.retries.intent = Some(now.plus(REQUEST_LIMIT));
        }
        self.memory = Memory::Full(item);
    }

    fn sealed_in_store(&mut self, sealed: Result<SealedInStore, StoreFailure>) {
        match sealed {
            Ok(SealedInStore::Done(version)) => {
                self.stored = self.has(version);
                self.form = Form::Sealed;
                self.is_read = true;
            }
            Ok(SealedInStore::Already) => {
                if matches!(self.stored, Stored::Missing | Stored::Unreadable) {
                    self.stored = Stored::Unknown;
                }
                self.form = Form::Sealed;
            }
            Ok(SealedInStore::Nothing) => self.stored = Stored::Missing,
            Ok(SealedInStore::Damaged) => self.stored = Stored::Damaged,
            Err(StoreFailure::Item) => self.stored = Stored::Unreadable,
            Err(StoreFailure::Unclear) => self.form = Form::Either,
            Err(StoreFailure::Locked | StoreFailure::Unavailable) => {}
        }
    }

    fn saved(&mut self, version: Version, form: Form, saved: Result<(), StoreFailure>) {
        match saved {
            Ok(()) => {
                self.stored = Stored::Has(version);
                self.form = form;
                self.is_read = true;
            }
            Err(StoreFailure::Unclear) => {
                self.stored = Stored::Unknown;
                if self.form != form {
                    self.form = Form::Either;
                }
            }
            Err(StoreFailure::Item) => self.stored = Stored::Unreadable,
            Err(StoreFailure::Locked | StoreFailure::Unavailable) => {}
        }
    }

    /// Notes the answer to a refresh. Its refresh token is in memory from here, and the store has its
    /// chance before anything else is done with the answer.
    fn asked(
        &mut self,
        asked: RefreshOutcome<M>,
        after_intent: bool,
        now: UnixTime,
    ) -> Option<RefreshFailure> {
        self.refresh.tried_at = Some(now);
        let item = self.item_mut()?;
        let (stage, failure) = match asked {
            RefreshOutcome::Answered {
                refresh_token,
                answer,
            } => {
                *item = item.changed(false);
                item.refresh_token = refresh_token.or(item.refresh_token.take());
                self.answer = Some(answer);
                (Stage::Idle, None)
            }
            RefreshOutcome::InvalidGrant => {
                *item = item.changed(false);
                item.refresh_token = None;
                let failure = match after_intent {
                    true => RefreshFailure::AnswerLost,
                    false => RefreshFailure::InvalidGrant,
                };
                (Stage::Idle, Some(failure))
            }
            RefreshOutcome::NeedsPerson(credentials) => {
                *item = item.changed(false);
                item.credentials = credentials;
                (Stage::Idle, Some(RefreshFailure::Refused))
            }
            // an answer to this request says nothing of the answer that was lost before it
            RefreshOutcome::Refused if after_intent => {
                (Stage::Intent, Some(RefreshFailure::Refused))
            }
            RefreshOutcome::Refused => {
                *item = item.changed(false);
                (Stage::Idle, Some(RefreshFailure::Refused))
            }
            RefreshOutcome::NotSent if after_intent => {
                (Stage::Intent, Some(RefreshFailure::NotSent))
            }
            RefreshOutcome::NotSent if item.intent => (Stage::Armed, Some(RefreshFailure::NotSent)),
            // in memory only: a store that it is given has no intent
            RefreshOutcome::NotSent => (Stage::Idle, Some(RefreshFailure::NotSent)),
            RefreshOutcome::NoAnswer => {
                item.intent = true; // without a store there was none before
                self.retries.intent = Some(now.plus(REQUEST_LIMIT));
                (Stage::Intent, Some(RefreshFailure::NoAnswer))
            }
        };
        self.refresh.stage = stage;
        failure
    }

    fn verified(
        &mut self,
        credentials: Option<M::Credentials>,
        agent: &AgentFacts<M>,
        now: UnixTime,
    ) {
        let Some(credentials) = credentials else {
            return self.refresh_failed(RefreshFailure::NotVerified, now);
        };
        let Memory::Full(item) = &mut self.memory else {
            return;
        };
        *item = item.changed(item.intent);
        item.credentials = credentials;
        // a provider may answer with the same old token: that must not become a busy loop
        if agent.plan(&self.name, item).wants_renewal(now) {
            return self.refresh_failed(RefreshFailure::NotNewer, now);
        }
        self.refresh.learn = false;
        self.refresh.failures = 0;
        self.refresh.failure = None;
        self.retries.refresh = None;
        self.wanted_until = None;
    }

    /// Notes a failed attempt; it ends the wait of those who wanted it.
    fn refresh_failed(&mut self, failure: RefreshFailure, now: UnixTime) {
        self.refresh.learn = false;
        self.refresh.failures = self.refresh.failures.saturating_add(1);
        self.refresh.failure = Some(failure);
        self.retries.refresh = Some(refresh_retry(self.refresh.failures, now));
        self.wanted_until = None;
    }
}
