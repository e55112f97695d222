//! Accounts that are known and not held: what is known of them, and why they are missing.

use super::store::index::Entry;

/// Why an account is missing that was put away.
pub const AWAY: &str = "it is put away until the screen is unlocked";
/// Why an account is missing that was dropped.
pub const DROPPED: &str = "it was dropped from memory (SIGUSR1); get it back: opkssh check";

/// An account that the index knows and the store has not given back yet.
pub struct Missing {
    pub entry: Entry,
    /// In words, to follow "but".
    pub reason: String,
    /// The store says that it has nothing: the login was cut short, or somebody removed the entry.
    pub is_empty: bool,
    /// What the store has, or shall have, while the agent is locked.
    pub sealed: Sealed,
}

/// How far an account that is missing has been sealed.
#[derive(Clone, Default)]
pub enum Sealed {
    /// The store is not known to have it sealed.
    #[default]
    No,
    /// Here, and not yet in the store.
    Here(String),
    /// Here and in the store.
    Both(String),
    /// In the store.
    Stored,
    /// The store answered, and what it has cannot be brought back with any password.
    Never,
}

impl Missing {
    pub fn new(entry: Entry, reason: String) -> Self {
        Self {
            entry,
            reason,
            is_empty: false,
            sealed: Sealed::No,
        }
    }
}
