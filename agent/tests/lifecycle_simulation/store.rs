//! The model store: two keyrings of which one answers, items that fail, writes that arrive late,
//! and a disk whose last writes a power loss takes back.

use opkssh_agent::lifecycle::{Item, Loaded, Outcome, SealedInStore, Step, StoreFailure, Version};

use crate::model::{Model, Name, SealKey, SealedText};

pub const NAMES: usize = 3;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Content {
    Clear(Item<Model>),
    Sealed(SealedText),
    Damaged,
}

impl Content {
    pub fn item(&self) -> Option<&Item<Model>> {
        match self {
            Self::Clear(item) => Some(item),
            Self::Sealed(text) => Some(&text.item),
            Self::Damaged => None,
        }
    }

    pub fn version(&self) -> Version {
        self.item().map_or(Version::default(), |item| item.version)
    }
}

type Ring = [Option<Content>; NAMES];

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Store {
    pub rings: [Ring; 2],
    /// The keyring that answers.
    pub active: usize,
    /// What a power loss leaves of the active keyring.
    pub synced: Ring,
    /// A write whose time limit passed; it may be done before the next action, or never.
    pub late: Option<(Name, Step<Model>)>,
    pub mode: Mode,
    pub failing: [bool; NAMES],
    /// The highest version that was ever written.
    pub top: [Version; NAMES],
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    #[default]
    Working,
    Locked,
    Unavailable,
    Hanging,
}

/// How a store's action ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreEnd {
    Works,
    ItemFails,
    IsLocked,
    IsUnavailable,
    /// Unclear, and done at once.
    HangsDone,
    /// Unclear, and done later or never.
    HangsLate,
}

impl Store {
    pub fn ring(&self) -> &Ring {
        &self.rings[self.active]
    }

    pub fn item(&self, name: Name) -> Option<&Content> {
        self.ring()[name].as_ref()
    }

    /// Ends a late write.
    pub fn settle_late(&mut self, done: bool) {
        if let Some((name, step)) = self.late.take()
            && done
        {
            self.perform(name, &step);
        }
    }

    /// Carries out a store's action, and returns what it says.
    pub fn perform(&mut self, name: Name, step: &Step<Model>) -> Outcome<Model> {
        let content = &mut self.rings[self.active][name];
        match step {
            Step::Load { key, .. } => Outcome::Loaded(Ok(load(content.as_ref(), *key))),
            Step::LoadAndSeal { recipient, .. } => {
                let sealed = match content.take() {
                    None => SealedInStore::Nothing,
                    Some(Content::Clear(item)) => {
                        let version = item.version;
                        let key = *recipient;
                        *content = Some(Content::Sealed(SealedText { key, item }));
                        SealedInStore::Done(version)
                    }
                    Some(other) => {
                        let is_damaged = other == Content::Damaged;
                        *content = Some(other);
                        match is_damaged {
                            true => SealedInStore::Damaged,
                            false => SealedInStore::Already,
                        }
                    }
                };
                Outcome::SealedInStore(Ok(sealed))
            }
            Step::Save { item, .. } => {
                self.top[name] = self.top[name].max(item.version);
                *content = Some(Content::Clear(item.clone()));
                Outcome::Saved(Ok(()))
            }
            Step::SaveSealed { text, version, .. } => {
                self.top[name] = self.top[name].max(*version);
                *content = Some(Content::Sealed(text.clone()));
                Outcome::Saved(Ok(()))
            }
            _ => {
                *content = None;
                Outcome::Deleted(Ok(()))
            }
        }
    }
}

fn load(content: Option<&Content>, key: Option<SealKey>) -> Loaded<Model> {
    match content {
        None => Loaded::Nothing,
        Some(Content::Clear(item)) => Loaded::Found {
            item: item.clone(),
            was_sealed: false,
        },
        Some(Content::Sealed(text)) if Some(text.key) == key => Loaded::Found {
            item: text.item.clone(),
            was_sealed: true,
        },
        Some(Content::Sealed(_) | Content::Damaged) => Loaded::Damaged,
    }
}

/// Returns the outcome of this step if the store fails.
pub fn failed(step: &Step<Model>, failure: StoreFailure) -> Outcome<Model> {
    match step {
        Step::Load { .. } => Outcome::Loaded(Err(failure)),
        Step::LoadAndSeal { .. } => Outcome::SealedInStore(Err(failure)),
        Step::Delete { .. } => Outcome::Deleted(Err(failure)),
        _ => Outcome::Saved(Err(failure)),
    }
}
