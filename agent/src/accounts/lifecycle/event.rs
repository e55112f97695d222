//! What changes the facts.

use opkssh_protocol::time::UnixTime;

use super::facts::{Action, Item, Material, Revocation, Suspended, Version};

/// What happened: a request, a signal, or the start or end of an action.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event<M: Material> {
    LoggedIn(Login<M>),
    LogoutRequested {
        name: M::Name,
        /// It does not wait until the store gives a token to revoke.
        force: bool,
    },
    /// It comes before the other accounts.
    DefaultChosen(M::Name),
    /// A request waits for this account to be loaded, and renewed if due.
    Wanted {
        name: M::Name,
        until: UnixTime,
    },
    LockRequested {
        /// Used unless texts may still be sealed to an earlier one.
        key: M::SealKey,
        password: M::Password,
    },
    /// The password was right.
    Unlocked(M::SealKey),
    SessionChanged(Suspended),
    /// SIGUSR1.
    MemoryDropped,
    /// A request on the control socket.
    ControlRequested,
    StoreUnlocked(M::Store),
    /// Accounts in memory only get this store.
    StoreGiven(M::Store),
    SettingsChanged(M::Settings),
    Ending,
    /// The time that [`wake`](super::wake()) gave has come.
    TimePassed,
    Started(Action<M>),
    /// The action in flight for this account ended.
    Ended(M::Name, Outcome<M>),
    SealFileWritten(Result<(), FileFailed>),
    SealFileRemoved(Result<(), FileFailed>),
}

/// A login that ended well.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Login<M: Material> {
    pub name: M::Name,
    pub person: M::Person,
    /// The store for a new account; an account that is in the index keeps its own.
    pub store: Option<M::Store>,
    pub refresh_token: Option<M::RefreshToken>,
    pub credentials: M::Credentials,
}

/// How an account's action ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Outcome<M: Material> {
    IndexWritten(Result<(), FileFailed>),
    Loaded(Result<Loaded<M>, StoreFailure>),
    SealedInStore(Result<SealedInStore, StoreFailure>),
    /// Of a save, in clear or sealed.
    Saved(Result<(), StoreFailure>),
    Deleted(Result<(), StoreFailure>),
    /// `None`: it failed.
    Sealed(Option<M::SealedText>),
    /// `None`: the key does not open it, or it does not parse.
    Unsealed(Option<Item<M>>),
    Refreshed(RefreshOutcome<M>),
    /// `None`: the answer does not verify.
    Verified(Option<M::Credentials>),
    Revoked(Revocation),
}

/// Why a store's action failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreFailure {
    /// For this item only. Not done.
    Item,
    /// The store waits to be unlocked. Not done.
    Locked,
    /// The store cannot be reached. Not done.
    Unavailable,
    /// The time limit passed. Done or not, now or later.
    Unclear,
}

/// A file could not be written or removed: not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileFailed;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Loaded<M: Material> {
    Found {
        item: Item<M>,
        was_sealed: bool,
    },
    Nothing,
    /// It neither opens nor parses.
    Damaged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SealedInStore {
    /// It was in clear.
    Done(Version),
    /// It was sealed before; without the key its version is unknown.
    Already,
    Nothing,
    Damaged,
}

/// How a refresh request ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RefreshOutcome<M: Material> {
    Answered {
        /// `None`: the old one goes on being good.
        refresh_token: Option<M::RefreshToken>,
        answer: M::Answer,
    },
    InvalidGrant,
    /// Only a person helps: with these credentials it is not asked again. The refresh token goes on
    /// being good, and is revoked at a logout.
    NeedsPerson(M::Credentials),
    /// Another error.
    Refused,
    NotSent,
    /// The time limit passed, or the connection broke: the provider may have acted, or may yet.
    NoAnswer,
}
