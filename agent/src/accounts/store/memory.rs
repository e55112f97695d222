//! No store: the agent's memory is all there is.

use async_trait::async_trait;
use opkssh_protocol::secret::Secret;

use super::backend::Backend;
use super::error::StoreError;
use super::kind::StoreKind;

pub struct Memory;

#[async_trait]
impl Backend for Memory {
    fn kind(&self) -> StoreKind {
        StoreKind::Memory
    }

    async fn probe(&self) -> Result<String, StoreError> {
        Ok("logins last until the agent ends; for an encrypted file: \
            opkssh agent restart --store file"
            .to_owned())
    }

    async fn load(&self, _id: &str) -> Result<Option<Secret>, StoreError> {
        Ok(None)
    }

    async fn save(&self, _id: &str, _secret: Secret) -> Result<(), StoreError> {
        Ok(())
    }

    async fn delete(&self, _id: &str) -> Result<(), StoreError> {
        Ok(())
    }
}
