//! The Secret Service, through the `keyring` family. Blocking: only the store thread calls this.

use std::sync::Arc;

use keyring_core::Error;
use keyring_core::api::CredentialStoreApi as _;
use opkssh_protocol::secret::Secret;
use zbus_secret_service_keyring_store::Store;

use super::StoreError;

/// Attribute `service` of our items.
const SERVICE: &str = "opkssh-agent";

/// A connection to the service; dropped and made anew after an error.
pub struct SecretService(Arc<Store>);

impl SecretService {
    pub fn connect() -> Result<Self, StoreError> {
        Store::new().map(Self).map_err(unavailable)
    }

    pub fn save(&self, id: &str, secret: &Secret) -> Result<(), StoreError> {
        self.entry(id)?
            .set_password(secret.expose())
            .map_err(unavailable)
    }

    pub fn load(&self, id: &str) -> Result<Option<Secret>, StoreError> {
        match self.entry(id)?.get_password() {
            Ok(text) => Ok(Some(Secret::new(text))),
            Err(Error::NoEntry) => Ok(None),
            Err(Error::BadEncoding(_)) => Err(StoreError::Unreadable),
            Err(error) => Err(unavailable(error)),
        }
    }

    pub fn delete(&self, id: &str) -> Result<(), StoreError> {
        match self.entry(id)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }

    fn entry(&self, id: &str) -> Result<keyring_core::Entry, StoreError> {
        self.0.build(SERVICE, id, None).map_err(unavailable)
    }
}

/// Everything but "no such entry" means: not now, ask again later. The text never holds a secret.
fn unavailable(error: Error) -> StoreError {
    StoreError::Unavailable(match error {
        Error::PlatformFailure(cause) | Error::NoStorageAccess(cause) => innermost(&*cause),
        other => other.to_string(),
    })
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
