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
                for name in 0..NAMES {
                    let version = |ring: usize| {
                        let content = self.store.rings[ring][name].as_ref();
                        content.map_or(Version::default(), Content::version)
                    };
                    let is_damaged = self.store.rings[other][name] == Some(Content::Damaged);
                    if version(active) >= version(other) && !is_damaged {
                        let copy = self.store.rings[active][name].clone();
                        self.store.rings[other][name] = copy;
                    }
                }
            }
            Fault::Store(mode) => self.store.mode = mode,
            Fault::FailingItem(name) => self.store.failing[name] ^= true,
            Fault::DamagedItem(name) => {
                let item = &mut self.store.rings[self.store.active][name];
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
                    self.index[name] = entry;
                }
                Action::Account(name, step) if is_done && step.uses_store() => {
                    self.store.perform(name, &step);
                }
                _ => {}
            }
        }
        if power_loss {
            for name in 0..NAMES {
                if done & 1 << (16 + name) != 0 {
                    let synced = self.store.synced[name].clone();
                    self.store.rings[self.store.active][name] = synced;
                }
            }
        }
        for request in &mut self.provider.requests {
            request.orphan_until = request.orphan_until.or(Some(self.now + REQUEST_LIMIT));
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
        let entries = self.index.iter().enumerate();
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
        for (name, entry) in self.index.iter().enumerate() {
            let leaving = entry.as_ref().is_some_and(|entry| entry.leaving);
            if leaving && !self.known.logged_out[name] {
                self.known.newest[name] = None; // its lifetime ended
            }
            self.known.logged_out[name] = leaving;
            self.known.revocation_tried[name] = false;
        }
    }

    /// What is damaged does not keep `seal.json`.
    pub fn excuse_notes(&mut self) {
        let goes = self.seal_file.is_none() || self.running.contains(&Action::RemoveSealFile);
        for name in 0..NAMES {
            let account = self.facts.account(&name);
            let is_damaged = account.is_some_and(|account| account.stored == Stored::Damaged);
            let is_noted = self.is_noted(name);
            self.known.excused_note[name] &= is_noted;
            self.known.excused_note[name] |= is_noted && is_damaged && goes;
        }
    }

    /// After a fault: what is lost or left by it is not the agent's.
    fn excuse(&mut self) {
        for name in 0..NAMES {
            if self.known.newest[name].is_some() && !self.has_newest(name, false) {
                self.known.newest[name] = None;
            }
            let item = self.store.item(name);
            let is_deleted = self.index[name].as_ref().is_none_or(|entry| entry.leaving);
            self.known.excused_item[name] |= item.is_some() && is_deleted;
            if let Some(Content::Sealed(text)) = item {
                let account = self.facts.account(&name);
                // what another keyring has is noted, or it cannot be known
                let is_known =
                    self.is_noted(name) && account.is_none_or(|one| one.form != Form::Clear);
                self.known.excused_text[name] |=
                    self.seal_file != Some(text.key) || (self.known.swapped && !is_known);
            }
        }
    }

    fn is_noted(&self, name: Name) -> bool {
        let entry = self.index[name].as_ref();
        entry.is_some_and(|entry| entry.may_be_sealed)
    }
}
