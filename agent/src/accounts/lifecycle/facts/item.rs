//! What store and index keep of an account.

use super::Material;

/// Counts the changes of an account. Compared by login first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The time of the login, higher than any known before under the name.
    pub login: i64,
    /// Counts the changes since that login.
    pub generation: u64,
}

/// What the store keeps of an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Item<M: Material> {
    pub version: Version,
    /// A refresh was about to be sent, and its answer is not in this item.
    pub intent: bool,
    pub refresh_token: Option<M::RefreshToken>,
    pub credentials: M::Credentials,
}

impl<M: Material> Item<M> {
    /// Returns the item's next version, with this `intent`.
    pub fn changed(&self, intent: bool) -> Self {
        let version = Version {
            generation: self.version.generation + 1,
            ..self.version
        };
        Self {
            version,
            intent,
            ..self.clone()
        }
    }
}

/// What `accounts.json` says of an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IndexEntry<M: Material> {
    pub person: M::Person,
    pub store: M::Store,
    /// No item below this version is used.
    pub version: Version,
    /// The tombstone: logged out, perhaps not out of the store yet.
    pub leaving: bool,
    /// The store's item may be sealed with the key in `seal.json`.
    pub may_be_sealed: bool,
    /// `None`: written before profiles were kept.
    pub profile: Option<M::Profile>,
}
