//! Why a store did not do what it was asked.

use opkssh_protocol::control::LockedPart;

use super::password::PasswordError;

#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error("the keyring cannot be used: {0}")]
    Unavailable(String),
    /// As [`Unavailable`](Self::Unavailable), but the call had begun.
    #[error("the keyring cannot be used: {0}")]
    Broken(String),
    #[error("the keyring is locked")]
    Locked,
    #[error("the keyring is locked and its prompt was dismissed")]
    PromptDismissed,
    /// The call was never made, and will not be.
    #[error(
        "the keyring is still busy with an earlier request, which may be waiting for its prompt"
    )]
    Busy,
    /// The call had begun: it was made, or still will be, or fails.
    #[error("the keyring did not answer in time: it may be locked and waiting for its prompt")]
    TimedOut,
    #[error("the store's entry for this account is not readable")]
    Unreadable,
    #[error("the encrypted file store cannot be used: {0}")]
    File(String),
    #[error("the encrypted file store is locked")]
    FileLocked,
    #[error("the encrypted file store has no passphrase yet")]
    FileNew,
    #[error(transparent)]
    Seal(#[from] PasswordError),
    #[error("accounts.json: {0}")]
    Index(String),
}

impl StoreError {
    /// Returns what a person has to unlock first, where that helps.
    pub fn locked_part(&self) -> Option<LockedPart> {
        match self {
            Self::FileLocked => Some(LockedPart::Store),
            Self::FileNew => Some(LockedPart::NewStore),
            _ => None,
        }
    }

    /// Returns true if a person has to unlock the store first.
    pub fn is_locked(&self) -> bool {
        matches!(
            self,
            Self::Locked | Self::PromptDismissed | Self::FileLocked
        )
    }

    /// Returns true if the store may have done what it was asked, or may still do it.
    pub fn is_unclear(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Broken(_) | Self::File(_))
    }

    /// Returns what to do about it, to be followed by what was to be done.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::FileLocked => Some("unlock it: opkssh agent unlock".to_owned()),
            Self::FileNew => Some("choose one: opkssh agent unlock".to_owned()),
            Self::File(_) => Some("see what is wrong with it: opkssh status".to_owned()),
            Self::Index(_) => None,
            Self::Seal(error) => error.hint(),
            _ => Some("unlock the keyring and try again".to_owned()),
        }
    }
}
