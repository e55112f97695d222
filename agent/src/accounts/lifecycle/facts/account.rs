//! What is known about one account.

use opkssh_protocol::time::UnixTime;

use super::Material;
use super::action::Step;
use super::item::{IndexEntry, Item, Version};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccountFacts<M: Material> {
    pub name: M::Name,
    pub person: M::Person,
    /// `None`: memory only.
    pub store: Option<M::Store>,
    /// The highest login known under this name.
    pub login: i64,
    /// What is on disk.
    pub index: Option<IndexEntry<M>>,
    /// As the settings in force make it; what the index says until memory has the account.
    pub profile: Option<M::Profile>,
    pub memory: Memory<M>,
    pub answer: Option<M::Answer>,
    pub stored: Stored,
    pub form: Form,
    /// Since the start the store gave its item, or took one.
    pub is_read: bool,
    pub leaving: Leaving,
    /// Its logout does not wait until the store gives a token to revoke.
    pub is_given_up: bool,
    pub refresh: Refresh,
    pub retries: Retries,
    pub in_flight: Option<InFlight<M>>,
    /// Until when a request waits for a renewal.
    pub wanted_until: Option<UnixTime>,
    /// A request wants the item read, whatever the store said before.
    pub load_wanted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Memory<M: Material> {
    Nothing,
    Full(Item<M>),
    Sealed {
        version: Version,
        text: M::SealedText,
    },
}

/// What the store was last known to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stored {
    /// Not read since the start, or a write ended without an answer.
    Unknown,
    Has(Version),
    Missing,
    /// The store failed for this item only.
    Unreadable,
    /// Read, but it neither opens nor parses.
    Damaged,
    /// Read, and below the index's version: another keyring, or one from a backup.
    Older,
}

/// Whether the store's item is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    Clear,
    Sealed,
    Either,
}

/// How far a logout got. That it was asked for is durable in [`IndexEntry::leaving`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leaving {
    No,
    Wanted,
    Revoked(Revocation),
    Deleted(Revocation),
}

/// What became of the refresh token at a logout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Revocation {
    Revoked,
    /// The provider has no revocation endpoint.
    NotOffered,
    Failed,
    NoRefreshToken,
    /// It is sealed, and the agent is locked.
    Locked,
    /// The store did not give back an item that may be used.
    NotRead,
}

impl Revocation {
    /// Returns true if the refresh token may still be valid though it could have been revoked.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Locked | Self::NotRead)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Refresh {
    pub stage: Stage,
    /// In a row.
    pub failures: u32,
    pub tried_at: Option<UnixTime>,
    pub failure: Option<RefreshFailure>,
    /// Wanted once after a login, due or not, to learn what the provider's refreshes are good for.
    pub learn: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Stage {
    #[default]
    Idle,
    /// The item in memory has the intent, and nothing was sent since.
    Armed,
    /// An answer may be outstanding.
    Intent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefreshFailure {
    /// The request could not be sent.
    NotSent,
    /// No answer came in time.
    NoAnswer,
    /// The provider answered with an error that says nothing of the refresh token.
    Refused,
    /// The refresh token is not good any more.
    InvalidGrant,
    /// As before, and an earlier answer never arrived: the token was spent by that refresh.
    AnswerLost,
    /// The answer did not verify.
    NotVerified,
    /// The account is due although it was just renewed.
    NotNewer,
}

/// When each kind of action that failed may be tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Retries {
    pub index: Option<UnixTime>,
    pub load: Option<UnixTime>,
    pub save: Option<UnixTime>,
    pub delete: Option<UnixTime>,
    pub seal: Option<UnixTime>,
    pub refresh: Option<UnixTime>,
    /// When no request that was sent before can still act at the provider.
    pub intent: Option<UnixTime>,
}

/// The running step of an account, and the login that it is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InFlight<M: Material> {
    pub login: i64,
    pub step: Step<M>,
}

impl<M: Material> AccountFacts<M> {
    pub(in super::super) fn new(
        name: M::Name,
        person: M::Person,
        store: Option<M::Store>,
        index: Option<IndexEntry<M>>,
    ) -> Self {
        Self {
            name,
            person,
            store,
            login: 0,
            profile: index.as_ref().and_then(|entry| entry.profile.clone()),
            index,
            memory: Memory::Nothing,
            answer: None,
            stored: Stored::Missing,
            form: Form::Clear,
            is_read: false,
            leaving: Leaving::No,
            is_given_up: false,
            refresh: Refresh::default(),
            retries: Retries::default(),
            in_flight: None,
            wanted_until: None,
            load_wanted: false,
        }
    }

    /// Returns true if a login of anyone may take the name: no save under it was ever confirmed.
    pub fn is_free(&self) -> bool {
        let never_saved = |entry: &IndexEntry<M>| {
            entry.version.generation == 0 && !entry.leaving && !entry.may_be_sealed
        };
        self.stored == Stored::Missing
            && matches!(self.memory, Memory::Nothing)
            && self.in_flight.is_none()
            && self.index.as_ref().is_none_or(never_saved)
    }

    pub fn item(&self) -> Option<&Item<M>> {
        match &self.memory {
            Memory::Full(item) => Some(item),
            Memory::Nothing | Memory::Sealed { .. } => None,
        }
    }

    pub(in super::super) fn item_mut(&mut self) -> Option<&mut Item<M>> {
        match &mut self.memory {
            Memory::Full(item) => Some(item),
            Memory::Nothing | Memory::Sealed { .. } => None,
        }
    }

    /// Returns the step that runs.
    pub fn running(&self) -> Option<&Step<M>> {
        self.in_flight.as_ref().map(|in_flight| &in_flight.step)
    }

    pub fn memory_version(&self) -> Option<Version> {
        match &self.memory {
            Memory::Nothing => None,
            Memory::Full(item) => Some(item.version),
            Memory::Sealed { version, .. } => Some(*version),
        }
    }

    /// Returns true if the store has what memory has, in this form.
    pub fn is_same(&self, form: Form) -> bool {
        let same = |version| self.stored == Stored::Has(version);
        self.form == form && self.memory_version().is_some_and(same)
    }

    pub fn is_noted(&self) -> bool {
        self.index.as_ref().is_some_and(|entry| entry.may_be_sealed)
    }

    /// Returns true if a tombstone is on disk, or none is needed as the store never had anything.
    pub fn has_left_index(&self) -> bool {
        self.index.as_ref().is_none_or(|entry| entry.leaving)
    }

    /// Returns when the account is logged out at the end of its lifetime.
    pub fn ends_at(&self, lifetime: Option<i64>) -> Option<UnixTime> {
        Some(UnixTime(self.login.saturating_add(lifetime?)))
    }

    pub fn is_overdue(&self, lifetime: Option<i64>, now: UnixTime) -> bool {
        self.ends_at(lifetime).is_some_and(|end| now >= end)
    }

    /// Returns true if a crash now loses nothing of what memory has.
    pub fn is_saved(&self) -> bool {
        match &self.memory {
            Memory::Nothing => true,
            _ if self.store.is_none() => false,
            Memory::Full(_) => self.is_same(Form::Clear) && !self.index_lags(),
            Memory::Sealed { .. } => self.is_same(Form::Sealed) && !self.index_lags(),
        }
    }

    /// Returns true if the index does not have the login in memory, or not as a live one.
    fn index_lags(&self) -> bool {
        let version = self.memory_version().unwrap_or_default();
        let knows = |entry: &IndexEntry<M>| !entry.leaving && entry.version.login >= version.login;
        !self.index.as_ref().is_some_and(knows)
    }

    /// Returns true if the store has all that memory has, in clear, and the index knows so.
    pub fn may_be_forgotten(&self) -> bool {
        self.leaving == Leaving::No
            && self.answer.is_none()
            && self.item().is_some()
            && self.is_saved()
            && !self.is_noted()
            && matches!(&self.index, Some(entry) if entry.version.generation > 0)
    }
}
