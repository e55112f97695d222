//! What each store can do. Another store is one file that implements [`Backend`], one line in the
//! table of [`Stores`](super::Stores), and a variant of [`StoreKind`] with its words; one that can
//! be asked for by name is a variant of [`StoreChoice`](super::StoreChoice) and a word of `--store`
//! in `client/src/agent/settings.rs`, too.

use async_trait::async_trait;
use opkssh_protocol::secret::Secret;

use super::error::StoreError;
use super::kind::StoreKind;
use super::password::PasswordError;

#[async_trait]
pub trait Backend: Send + Sync {
    fn kind(&self) -> StoreKind;

    /// Returns why this store takes new accounts, or the error that keeps it from taking any.
    async fn probe(&self) -> Result<String, StoreError>;

    /// Fails if the store cannot be used, as far as that is known without asking a keyring.
    fn check_open(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Has the person unlock a store that is not this agent's to open. Fails if they do not.
    async fn ask_to_unlock(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn load(&self, id: &str) -> Result<Option<Secret>, StoreError>;

    async fn save(&self, id: &str, secret: Secret) -> Result<(), StoreError>;

    /// Deletes the entry; one that is not there is fine.
    async fn delete(&self, id: &str) -> Result<(), StoreError>;

    /// Opens the store if [`check_open`](Self::check_open) asks for a passphrase; a new store gets
    /// this one.
    async fn unlock(&self, _passphrase: Secret) -> Result<(), PasswordError> {
        Err(PasswordError::NotLocked)
    }
}
