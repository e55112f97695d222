//! What store and index keep of an account.

use serde::{Deserialize, Deserializer, Serialize};

use super::Material;

/// Counts the changes of an account. Compared by login first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Version {
    /// The time of the login, higher than any known before under the name.
    #[serde(rename = "logged_in_at")]
    pub login: i64,
    /// Counts the changes since that login.
    #[serde(default, skip_serializing_if = "is_zero")]
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

/// What `accounts.json` says of an account, in one flat object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound(
    serialize = "M::Person: Serialize, M::Store: Serialize, M::Profile: Serialize",
    deserialize = "M::Person: Deserialize<'de>, M::Store: Deserialize<'de>, M::Profile: Deserialize<'de>"
))]
pub struct IndexEntry<M: Material> {
    #[serde(flatten)]
    pub person: M::Person,
    pub store: M::Store,
    /// No item below this version is used.
    #[serde(flatten)]
    pub version: Version,
    /// The tombstone: logged out, perhaps not out of the store yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaving: bool,
    /// The store's item may be sealed with the key in `seal.json`.
    #[serde(default, rename = "sealed", skip_serializing_if = "std::ops::Not::not")]
    pub may_be_sealed: bool,
    /// `None`: before the login's settings were looked up.
    #[serde(flatten, deserialize_with = "always_there")]
    pub profile: Option<M::Profile>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// As an `Option`, a flattened profile with an error would be read as none.
fn always_there<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    fields: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(fields).map(Some)
}
