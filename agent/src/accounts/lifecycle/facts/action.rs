//! What there is to do. The owner runs an action as a task, and its end is an event.

use super::Material;
use super::item::{IndexEntry, Item, Version};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action<M: Material> {
    WriteSealFile {
        key: M::SealKey,
        password: M::Password,
    },
    RemoveSealFile,
    Account(M::Name, Step<M>),
}

/// One step of one account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step<M: Material> {
    /// Replaces the account's entry in accounts.json; `None` removes it.
    WriteIndex(Option<IndexEntry<M>>),
    /// Reads the item, and opens it with this key if it is sealed.
    Load {
        store: M::Store,
        key: Option<M::SealKey>,
    },
    /// Reads the item and, if it is in clear, writes it sealed, without a stop in between.
    LoadAndSeal {
        store: M::Store,
        recipient: M::Recipient,
    },
    Save {
        store: M::Store,
        item: Item<M>,
    },
    SaveSealed {
        store: M::Store,
        version: Version,
        text: M::SealedText,
    },
    Delete {
        store: M::Store,
    },
    Seal {
        item: Item<M>,
        recipient: M::Recipient,
    },
    Unseal {
        text: M::SealedText,
        key: M::SealKey,
    },
    /// Sends the refresh token to the provider.
    Refresh {
        token: M::RefreshToken,
        credentials: M::Credentials,
        /// An earlier request may have spent the refresh token.
        after_intent: bool,
    },
    Verify {
        credentials: M::Credentials,
        answer: M::Answer,
    },
    Revoke {
        token: M::RefreshToken,
        credentials: M::Credentials,
    },
}

impl<M: Material> Step<M> {
    pub fn uses_store(&self) -> bool {
        self.is_load()
            || matches!(
                self,
                Self::Save { .. } | Self::SaveSealed { .. } | Self::Delete { .. }
            )
    }

    pub fn is_load(&self) -> bool {
        matches!(self, Self::Load { .. } | Self::LoadAndSeal { .. })
    }
}
