//! What must hold after every step. The numbers are those of `docs/architecture.md`.

use opkssh_agent::lifecycle::{Action, Leaving, Lock, Memory, Step, Stored, is_locked_up, view};

use crate::model::{Broken, Model, Name, SealKey, Token};
use crate::mutants::Mutant;
use crate::provider::Validity;
use crate::store::{Content, NAMES};
use crate::world::World;

/// Starts without anything else happening, at most.
const MOST_STARTS: u32 = 60;

impl World {
    /// Checks an action that is about to start.
    pub fn check_start(&self, action: &Action<Model>) -> Result<(), Broken> {
        if self.known.starts > MOST_STARTS {
            return Err("9: actions are started without end");
        }
        let (name, step) = match action {
            Action::WriteSealFile { .. } | Action::RemoveSealFile => {
                let is_seal = |one: &Action<Model>| !matches!(one, Action::Account(..));
                return match self.running.iter().any(is_seal) {
                    true => Err("8: seal.json is written and removed at once"),
                    false => Ok(()),
                };
            }
            Action::Account(name, step) => (*name, step),
        };
        let is_its =
            |one: &Action<Model>| matches!(one, Action::Account(other, _) if *other == name);
        if self.running.iter().any(is_its) {
            return Err("two actions of one account at once");
        }
        if self.known.locked {
            self.check_locked_start(step)?;
        }
        match step {
            Step::Refresh {
                token,
                after_intent,
                ..
            } => self.check_ask(name, *token, *after_intent),
            Step::Save { item, .. } => self.check_save(name, item.version),
            Step::SaveSealed { version, .. } => self.check_save(name, *version),
            Step::LoadAndSeal { .. } => self.check_save(
                name,
                opkssh_agent::lifecycle::Version {
                    login: i64::MAX,
                    generation: 0,
                },
            ),
            Step::Verify { .. } => self.check_verify(name),
            Step::Revoke { .. } => self.check_tombstone(name),
            Step::Delete { .. } => {
                self.check_tombstone(name)?;
                self.check_delete(name)
            }
            _ => Ok(()),
        }
    }

    fn check_locked_start(&self, step: &Step<Model>) -> Result<(), Broken> {
        if matches!(self.facts.agent.lock, Lock::Locking { .. }) {
            return Err("6: an action was started before the lock was durable");
        }
        match step {
            Step::Refresh { .. } => Err("6: a refresh was started while locked"),
            Step::Load { .. } | Step::Unseal { .. } | Step::Save { .. } | Step::Verify { .. } => {
                Err("6: clear text was handled by an action begun while locked")
            }
            _ => Ok(()),
        }
    }

    fn check_ask(&self, name: Name, token: Token, after_intent: bool) -> Result<(), Broken> {
        if self.known.logged_out[name] {
            return Err("5: an account that leaves was refreshed");
        }
        let family = self.provider.state(token).family;
        let outstanding = |request: &crate::provider::Request| {
            // of a token that only another keyring had
            let is_unknown = self.known.swapped && request.token != token;
            request.reply.is_none()
                && !is_unknown
                && self.provider.state(request.token).family == family
        };
        if self.provider.requests.iter().any(outstanding) {
            return Err("1: two refreshes of a login are outstanding");
        }
        if self.known.asked_at[name] == Some(self.now) {
            return Err("9: a refresh is tried again at once");
        }
        if self.known.spent.contains(&token) {
            return Err("3: a token known to be spent was sent");
        }
        match self.is_spent(token) && !after_intent {
            true => Err("3: a spent token was sent without an intent"),
            false => Ok(()),
        }
    }

    fn check_save(
        &self,
        name: Name,
        version: opkssh_agent::lifecycle::Version,
    ) -> Result<(), Broken> {
        match &self.index[name] {
            None => return Err("5: a secret is saved that the index does not name"),
            Some(entry) if entry.leaving => return Err("5: saved after the tombstone"),
            Some(_) => {}
        }
        let stored = self.store.item(name).map(Content::version);
        // two logins in a second, or a clock that was set back, and a crash before the index learned
        // of the second: a login before the first load cannot know of it
        let account = self.facts.account(&name);
        let is_unread = account.is_some_and(|account| account.stored == Stored::Unknown);
        let is_lower = stored.is_some_and(|stored| {
            let is_unknown = self.known.set_back || is_unread;
            version < stored && !(is_unknown && version.login < stored.login)
        });
        // another keyring may have a version that this one never had
        let is_excused = self.known.excused_item[name] || self.known.swapped;
        match is_lower && !is_excused {
            true => Err("4: a version goes down in the store"),
            false => Ok(()),
        }
    }

    fn check_verify(&self, name: Name) -> Result<(), Broken> {
        let account = self.facts.account(&name);
        // what was given a store is in memory only until the index has it
        let has_store =
            account.is_some_and(|account| account.store.is_some() && account.index.is_some());
        let is_closed = !self.facts.agent.closed_stores.is_empty();
        match has_store && !is_closed && !self.known.save_tried[name] {
            true => Err("2: an answer is used before its refresh token is stored"),
            false => Ok(()),
        }
    }

    fn check_tombstone(&self, name: Name) -> Result<(), Broken> {
        match &self.index[name] {
            Some(entry) if !entry.leaving => Err("5: a logout began without a tombstone"),
            _ => Ok(()),
        }
    }

    fn check_delete(&self, name: Name) -> Result<(), Broken> {
        if !self.known.logged_out[name] && self.lifetime.is_none() {
            return Err("2: an account is deleted that nobody logged out of");
        }
        let account = self.facts.account(&name);
        let was_locked = account.is_some_and(|account| {
            use opkssh_agent::lifecycle::Revocation;
            matches!(account.leaving, Leaving::Revoked(Revocation::Locked))
        });
        let readable = match self.store.item(name) {
            Some(Content::Clear(item)) => {
                let is_older = |entry: &opkssh_agent::lifecycle::IndexEntry<Model>| {
                    item.version < entry.version
                };
                let is_live = |token| self.provider.state(token).validity == Validity::Live;
                item.refresh_token.is_some_and(is_live)
                    && !self.index[name].as_ref().is_some_and(is_older)
            }
            _ => false,
        };
        let is_tried = self.known.revocation_tried[name] || self.known.excused_item[name];
        match readable && !was_locked && !is_tried && !self.store.failing[name] {
            true => Err("5: a token was deleted without a try to revoke it"),
            false => Ok(()),
        }
    }

    /// Checks the state after a step.
    pub fn check(&mut self) -> Result<(), Broken> {
        self.check_view()?;
        self.check_lock()?;
        self.excuse_notes();
        for name in 0..NAMES {
            self.check_name(name)?;
        }
        for account in &self.facts.accounts {
            if account.stored == Stored::Older
                && account.in_flight.is_none()
                && let Some(Content::Clear(item)) = self.store.item(account.name)
                && item.version == self.store.top[account.name]
                && account.index.as_ref().is_some_and(|entry| {
                    item.version < entry.version && entry.version.generation > 0
                })
            {
                return Err("4: the newest item is taken for an older one");
            }
        }
        Ok(())
    }

    fn check_view(&self) -> Result<(), Broken> {
        for (name, shown) in view(&self.facts, self.time()) {
            let account = self.facts.account(&name);
            if shown.is_err() {
                continue;
            }
            if self.known.locked {
                return Err("6: shown while locked");
            }
            if self.known.suspended.any() || self.known.dropped {
                return Err("7: shown while suspended or dropped");
            }
            if self.known.logged_out[name] {
                return Err("7: shown while leaving");
            }
            let end = account.and_then(|account| account.ends_at(self.lifetime));
            if end.is_some_and(|end| self.now >= end.0) {
                return Err("7: shown past its lifetime");
            }
            if let Some(entry) = &self.index[name]
                && let Some(account) = account
                && entry.leaving
                && account.login <= entry.version.login
            {
                return Err("5: shown after the tombstone");
            }
        }
        Ok(())
    }

    fn check_lock(&self) -> Result<(), Broken> {
        match &self.facts.agent.lock {
            Lock::Locked(key) if self.seal_file != Some(*key) => {
                Err("6: locked without a durable seal.json: not locked after a crash")
            }
            Lock::Locked(_) if !self.known.locked => Err("6: locked, and nothing asked for it"),
            _ => Ok(()),
        }
    }

    fn check_name(&mut self, name: Name) -> Result<(), Broken> {
        if self.known.newest[name].is_some() {
            if self.is_leaving(name) {
                self.known.newest[name] = None;
            } else if !self.has_newest(name, true) {
                return Err("2: the newest refresh token is lost");
            }
        }
        let item = self.store.ring()[name].as_ref();
        if item.is_none() {
            self.known.excused_item[name] = false;
        }
        if item.is_some() && self.index[name].is_none() && !self.known.excused_item[name] {
            return Err("5: the store has a secret that the index does not name");
        }
        let noted = self.index[name].as_ref();
        let noted = noted.is_some_and(|entry| entry.may_be_sealed && !entry.leaving);
        let account = self.facts.account(&name);
        let given_up = account.is_none_or(|account| {
            account.stored == Stored::Damaged
                || (account.stored == Stored::Older && !noted)
                || matches!(account.leaving, Leaving::Revoked(_) | Leaving::Deleted(_))
        });
        let excused = given_up || self.known.excused_note[name];
        if noted && !excused && self.seal_file.is_none() {
            return Err("8: seal.json is gone, and an account is noted as sealed");
        }
        match item {
            Some(Content::Sealed(text)) => {
                let has_key = self.has_key(text.key);
                let mut entry = self.index[name].iter();
                // below the index it is never used: a late write of a login that is gone
                let is_older = entry.any(|entry| text.item.version < entry.version);
                self.known.excused_text[name] |= given_up || (is_older && !noted);
                if !has_key && !given_up && !self.known.excused_text[name] {
                    return Err("8: a sealed text in the store has lost its key");
                }
            }
            _ => self.known.excused_text[name] = false,
        }
        if let Some(Memory::Sealed { text, .. }) = account.map(|account| &account.memory)
            && !self.has_key(text.key)
        {
            return Err("8: a sealed text in memory has lost its key");
        }
        Ok(())
    }

    fn has_key(&self, key: SealKey) -> bool {
        self.seal_file == Some(key)
    }

    /// Checks that an answer in hand is used without waiting for anything but its own actions, and
    /// that no request waits for a renewal that cannot start.
    pub fn check_progress(&self, actions: &[Action<Model>]) -> Result<(), Broken> {
        // most mistakes make `next` see other facts than `apply`
        let sees_the_same = self
            .mutant
            .is_none_or(|mutant| mutant == Mutant::WaitsForNothing);
        for account in &self.facts.accounts {
            let waits = account.answer.is_some()
                && account.leaving == Leaving::No
                && !self.facts.agent.lock.hides();
            let is_its = |action: &Action<Model>| match action {
                Action::Account(name, _) => *name == account.name,
                _ => false,
            };
            let is_idle = account.in_flight.is_none() && !actions.iter().any(is_its);
            // one account's item is loaded after the other's
            let is_loading = |other: &opkssh_agent::lifecycle::AccountFacts<Model>| {
                other.running().is_some_and(Step::is_load)
            };
            let has_turn = !account.load_wanted || !self.facts.accounts.iter().any(is_loading);
            if is_idle && has_turn && account.wanted_until.is_some() && sees_the_same {
                return Err("9: a request waits for nothing");
            }
            if waits && is_idle {
                return Err("9: the tokens of a refresh are not used");
            }
        }
        Ok(())
    }

    /// Checks a state in which nothing is left to do: faults are over, and nothing hides.
    pub fn check_settled(&self, hangs: Option<Name>) -> Result<(), Broken> {
        for (name, shown) in view(&self.facts, self.time()) {
            let account = self.facts.account(&name);
            let is_unsaved = account.is_some_and(|one| one.store.is_some() && !one.is_saved());
            match shown {
                _ if Some(name) == hangs => {}
                Err(hidden) if !hidden.needs_person() => {
                    return Err("9: an account is neither shown nor a matter of a person");
                }
                Ok(_) if is_unsaved => return Err("9: an account was not saved"),
                _ => {}
            }
        }
        let holds = |account: &opkssh_agent::lifecycle::AccountFacts<Model>| {
            let may_be = account.is_noted() || account.stored == Stored::Unreadable;
            may_be && account.item().is_none()
        };
        let is_open = self.facts.agent.lock == Lock::Open;
        if hangs.is_none() && !is_open && !self.facts.accounts.iter().any(holds) {
            return Err("9: seal.json stays for nothing");
        }
        Ok(())
    }

    /// Checks a state in which nothing is left to do while locked.
    pub fn check_locked_settled(&self) -> Result<(), Broken> {
        if !is_locked_up(&self.facts) {
            return Err("6: memory is in clear while locked");
        }
        for account in &self.facts.accounts {
            let unread = matches!(account.stored, Stored::Missing | Stored::Unreadable);
            if let (Some(Content::Clear(_)), false) = (self.store.item(account.name), unread)
                && !self.known.swapped
            {
                return Err("6: the store has clear text while locked");
            }
        }
        Ok(())
    }
}
