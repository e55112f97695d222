//! The Secret Service, through the `keyring` family. Blocking: only the store thread calls this.

use std::sync::Arc;

use keyring_core::Error;
use keyring_core::api::CredentialStoreApi as _;
use opkssh_protocol::secret::Secret;
use secret_service::EncryptionType;
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

    /// Does it answer? It is asked for an entry that does not exist.
    pub fn probe(&self) -> Result<(), StoreError> {
        match self.entry("probe")?.get_password() {
            Ok(_) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }

    pub fn load(&self, id: &str) -> Result<Option<Secret>, StoreError> {
        match self.entry(id)?.get_password() {
            Ok(text) => Ok(Some(Secret::new(text))),
            Err(Error::NoEntry) => not_hidden().map(|()| None),
            Err(Error::BadEncoding(_)) => Err(StoreError::Unreadable),
            Err(error) => Err(unavailable(error)),
        }
    }

    pub fn delete(&self, id: &str) -> Result<(), StoreError> {
        match self.entry(id)?.delete_credential() {
            Ok(()) => Ok(()),
            Err(Error::NoEntry) => not_hidden(),
            Err(error) => Err(unavailable(error)),
        }
    }

    fn entry(&self, id: &str) -> Result<keyring_core::Entry, StoreError> {
        self.0.build(SERVICE, id, None).map_err(unavailable)
    }
}

/// Is there really nothing? Some services (oo7) find nothing in a collection that is locked.
fn not_hidden() -> Result<(), StoreError> {
    let is_locked = || -> Result<bool, secret_service::Error> {
        let service = secret_service::blocking::SecretService::connect(EncryptionType::Plain)?;
        service.get_default_collection()?.is_locked()
    };
    match is_locked() {
        // no collection at all
        Ok(false) | Err(secret_service::Error::NoResult) => Ok(()),
        Ok(true) => Err(StoreError::Unavailable("it is locked".to_owned())),
        Err(error) => Err(StoreError::Unavailable(innermost(&error))),
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
