//! What is known about the agent and its accounts. Everything else is derived from it.

mod account;
mod action;
mod item;

use std::fmt::Debug;
use std::hash::Hash;

use opkssh_protocol::time::UnixTime;

use super::super::renewal::plan::Plan;

pub use account::{
    AccountFacts, Form, InFlight, Leaving, Memory, Refresh, RefreshFailure, Retries, Revocation,
    Stage, Stored,
};
pub use action::{Action, Step};
pub use item::{IndexEntry, Item, Version};

/// A value that the lifecycle carries and never looks into. The simulation compares and prints
/// facts. The agent's secrets are behind an `Arc` here, compared by address and printed as nothing.
pub trait Opaque: Clone + Eq + Hash + Debug {}

impl<T: Clone + Eq + Hash + Debug> Opaque for T {}

/// The types of what an agent handles: real secrets in the daemon, small numbers in the simulation.
pub trait Material: Opaque {
    type Name: Opaque + Ord;
    /// Issuer, client and subject.
    type Person: Opaque;
    type Store: Opaque + Copy;
    type RefreshToken: Opaque;
    /// Key, PK token and certificate.
    type Credentials: Opaque;
    /// The unverified tokens of a refresh, without its refresh token.
    type Answer: Opaque;
    type SealedText: Opaque;
    type SealKey: Opaque;
    /// The public half of a seal key.
    type Recipient: Opaque;
    type Password: Opaque;
    /// The client configuration in force.
    type Settings: Opaque;
    /// What the index says of an account besides: to which servers it is shown, for instance.
    type Profile: Opaque;

    /// Plans when to renew the credentials of the account with this name.
    fn plan(
        name: &Self::Name,
        credentials: &Self::Credentials,
        has_refresh_token: bool,
        settings: &Self::Settings,
    ) -> Plan;

    /// Returns what the index should say of an account with these credentials. `before` is what it
    /// said last, and counts where the settings cannot be read.
    fn profile(
        name: &Self::Name,
        credentials: &Self::Credentials,
        settings: &Self::Settings,
        before: Option<&Self::Profile>,
    ) -> Self::Profile;

    /// Returns what is sealed to in order that this key opens it.
    fn recipient(key: &Self::SealKey) -> Self::Recipient;
}

/// Everything that is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Facts<M: Material> {
    pub agent: AgentFacts<M>,
    /// In the order in which they came; names are unique.
    pub accounts: Vec<AccountFacts<M>>,
    /// What a person should be told. The owner takes them out.
    pub notices: Vec<Notice<M>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AgentFacts<M: Material> {
    pub lock: Lock<M>,
    /// `seal.json` is being written or removed, never both at once.
    pub seal_file_in_flight: bool,
    pub seal_file_retry_at: Option<UnixTime>,
    pub suspended: Suspended,
    /// SIGUSR1 came, and no request on the control socket since.
    pub dropped: bool,
    pub ending: bool,
    pub settings: M::Settings,
    /// Seconds from a login to its logout.
    pub lifetime: Option<i64>,
    /// The stores that failed last. A store that is not here is ready.
    pub closed_stores: Vec<ClosedStore<M>>,
}

/// The password's lock.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Lock<M: Material> {
    Open,
    /// Hides everything; becomes `Locked` when `seal.json` is on disk.
    Locking {
        key: M::SealKey,
        password: M::Password,
    },
    Locked(M::Recipient),
    /// Unlocked, but texts may be sealed to this key: `seal.json` is still there.
    Opening(M::SealKey),
}

impl<M: Material> Lock<M> {
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Locked(_))
    }

    /// Returns true from the request for a lock until the unlock.
    pub fn hides(&self) -> bool {
        matches!(self, Self::Locked(_) | Self::Locking { .. })
    }

    pub fn key(&self) -> Option<&M::SealKey> {
        match self {
            Self::Opening(key) | Self::Locking { key, .. } => Some(key),
            Self::Open | Self::Locked(_) => None,
        }
    }
}

/// What logind says. With `lock_on`, both are true from the start until logind answers or cannot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Suspended {
    pub screen: bool,
    pub sleep: bool,
}

impl Suspended {
    pub fn any(self) -> bool {
        self.screen || self.sleep
    }
}

/// A store whose last answer was none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClosedStore<M: Material> {
    pub store: M::Store,
    pub why: StoreClosed,
    pub retry_at: UnixTime,
    /// The account that asked last. The next one in turn asks next, so that one entry whose calls
    /// hang does not keep the others from being asked for.
    pub asked_for: M::Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreClosed {
    /// It waits to be unlocked.
    Locked,
    /// It failed or did not answer in time.
    Silent,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Notice<M: Material> {
    LoggedOut {
        name: M::Name,
        login: i64,
        revocation: Revocation,
    },
    /// A memory-only account is gone (SIGUSR1).
    Dropped(M::Name),
    RefreshFailed(M::Name, RefreshFailure),
}

impl<M: Material> Facts<M> {
    pub fn account(&self, name: &M::Name) -> Option<&AccountFacts<M>> {
        self.accounts.iter().find(|account| account.name == *name)
    }

    /// Returns true if a login of this person under this name is taken now. A name keeps its person
    /// until its index entry is gone, even while it leaves; unless the store never had anything.
    pub fn takes_login(&self, name: &M::Name, person: &M::Person) -> bool {
        let is_theirs = |account: &AccountFacts<M>| account.person == *person || account.is_free();
        !self.agent.lock.hides() && self.account(name).is_none_or(is_theirs)
    }
}

impl<M: Material> AgentFacts<M> {
    /// Returns true if nothing is loaded or refreshed, whoever asks.
    pub fn is_away(&self) -> bool {
        self.suspended.any() || self.dropped || self.ending
    }

    /// Returns when to renew this item of the account with this name.
    pub fn plan(&self, name: &M::Name, item: &Item<M>) -> Plan {
        let has_token = item.refresh_token.is_some();
        M::plan(name, &item.credentials, has_token, &self.settings)
    }

    /// Returns how this account's store failed, if it did.
    pub fn closed_store(&self, account: &AccountFacts<M>) -> Option<&ClosedStore<M>> {
        let mut closed = self.closed_stores.iter();
        closed.find(|closed| Some(closed.store) == account.store)
    }
}
