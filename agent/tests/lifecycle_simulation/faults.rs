//! Faults: kills, power losses, stores that change; and what is not the agent's doing after them.

use opkssh_agent::lifecycle::{
    Action, Facts, Form, REQUEST_LIMIT, Step, Stored, Suspended, Version,
};

use crate::model::Name;
use crate::store::{Content, NAMES};
use crate::world::{Fault, World};

impl World {
    pub fn fault(&mut self, fault: Fault) {
        match fault {
            Fault::Kill(done) => self.kill(done, false),
            Fault::PowerLoss(done) => self.kill(done, true),
            Fault::OtherKeyring => {
                self.store.active = 1 - self.store.active;
                self.known.revocation_tried = [true; NAMES];
                self.known.swapped = true;
                self.sync();
                self.known.spent.clear();
            }
            Fault::CopyKeyring => {
                // a backup, which never replaces what is newer
                let (active, other) = (self.store.active, 1 - self.store.active);
                for place in 0..NAMES {
                    let version = |ring: usize| {
                        let content = self.store.rings[ring][place].as_ref();
                        content.map_or(Version::default(), Content::version)
                    };
                    let is_damaged = self.store.rings[other][place] == Some(Content::Damaged);
                    if version(active) >= version(other) && !is_damaged {
                        let copy = self.store.rings[active][place].clone();
                        self.store.rings[other][place] = copy;
                    }
                }
            }
            Fault::Store(mode) => self.store.mode = mode,
            Fault::FailingItem(name) => self.store.failing[usize::from(name)] ^= true,
            Fault::DamagedItem(name) => {
                let item = &mut self.store.rings[self.store.active][usize::from(name)];
                if item.is_some() {
                    *item = Some(Content::Damaged);
                }
            }
            Fault::ProviderRefuses(refuses) => self.provider.refuses = refuses,
        }
        self.excuse();
    }

    fn kill(&mut self, done: u32, power_loss: bool) {
        self.store.settle_late(done & 1 << 15 != 0);
        for (place, action) in std::mem::take(&mut self.running).into_iter().enumerate() {
            let is_done = done & 1 << place != 0;
            match action {
                Action::WriteSealFile { key, .. } if is_done => self.seal_file = Some(key),
                Action::RemoveSealFile if is_done => self.seal_file = None,
                Action::Account(name, Step::WriteIndex(entry)) if is_done => {
                    self.index[usize::from(name)] = entry;
                }
                Action::Account(name, step) if is_done && step.uses_store() => {
                    self.store.perform(name, &step);
                }
                _ => {}
            }
        }
        if power_loss {
            for place in 0..NAMES {
                if done & 1 << (16 + place) != 0 {
                    let synced = self.store.synced[place].clone();
                    self.store.rings[self.store.active][place] = synced;
                }
            }
        }
        for place in 0..self.provider.requests.len() {
            if self.provider.requests[place].orphan_until.is_none() {
                self.provider.requests[place].orphan_until = Some(self.now + REQUEST_LIMIT);
            }
        }
        self.provider.bury(self.now);
        self.known.spent.clear();
        self.excuse_notes();
        self.start_agent();
    }

    pub fn start_agent(&mut self) {
        let suspended = Suspended {
            screen: self.lock_on,
            sleep: self.lock_on,
        };
        let names: [Name; NAMES] = [0, 1, 2];
        let entries = names.into_iter().zip(&self.index);
        let entries = entries.filter_map(|(name, entry)| Some((name, entry.clone()?)));
        let (seal_file, now) = (self.seal_file, self.time());
        let settings = self.facts.agent.settings;
        self.facts = Facts::at_start(entries, seal_file, suspended, settings, self.lifetime, now);
        if let Some(mutant) = self.mutant {
            mutant.after_start(&mut self.facts);
        }
        self.known.locked = self.seal_file.is_some();
        self.known.suspended = suspended;
        self.known.dropped = false;
        self.known.swapped = false;
        for (place, entry) in self.index.iter().enumerate() {
            let leaving = entry.as_ref().is_some_and(|entry| entry.leaving);
            if leaving && !self.known.logged_out[place] {
                self.known.newest[place] = None; // its lifetime ended
            }
            self.known.logged_out[place] = leaving;
            self.known.revocation_tried[place] = false;
        }
    }

    /// What is damaged does not keep `seal.json`.
    pub fn excuse_notes(&mut self) {
        let goes = self.seal_file.is_none() || self.running.contains(&Action::RemoveSealFile);
        for place in 0..NAMES {
            let is_noted = self.index[place]
                .as_ref()
                .is_some_and(|entry| entry.may_be_sealed);
            let mut accounts = self.facts.accounts.iter();
            let account = accounts.find(|account| usize::from(account.name) == place);
            let is_damaged = account.is_some_and(|account| account.stored == Stored::Damaged);
            self.known.excused_note[place] &= is_noted;
            self.known.excused_note[place] |= is_noted && is_damaged && goes;
        }
    }

    /// After a fault: what is lost or left by it is not the agent's.
    fn excuse(&mut self) {
        for place in 0..NAMES {
            if self.known.newest[place].is_some() && !self.has_newest(place, false) {
                self.known.newest[place] = None;
            }
            let item = self.store.ring()[place].as_ref();
            let is_deleted = self.index[place].as_ref().is_none_or(|entry| entry.leaving);
            self.known.excused_item[place] |= item.is_some() && is_deleted;
            // what another keyring has is noted, or it cannot be known
            let is_noted = self.index[place]
                .as_ref()
                .is_some_and(|entry| entry.may_be_sealed);
            if let Some(Content::Sealed(text)) = item {
                self.known.excused_text[place] |= self.seal_file != Some(text.key);
                let mut accounts = self.facts.accounts.iter();
                let account = accounts.find(|account| usize::from(account.name) == place);
                let is_known = is_noted && account.is_none_or(|one| one.form != Form::Clear);
                self.known.excused_text[place] |= self.known.swapped && !is_known;
            }
        }
    }
}
