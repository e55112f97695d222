//! The Secret Service, through the `keyring` family: blocking calls on a thread of their own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keyring_core::Error;
use keyring_core::api::CredentialStoreApi as _;
use opkssh_protocol::secret::Secret;
use secret_service::EncryptionType;
use tokio::sync::Notify;
use zbus_secret_service_keyring_store::Store;

use super::backend::Backend;
use super::error::StoreError;
use super::kind::StoreKind;
use super::secret_service_error::{explain, unavailable};
use super::thread::StoreThread;

/// Attribute `service` of our items.
const SERVICE: &str = "opkssh-agent";

/// How long a login waits to hear whether the keyring is locked.
const LOCKED_TIMEOUT: Duration = Duration::from_secs(2);

pub struct SecretService {
    thread: StoreThread<Connection>,
}

impl SecretService {
    /// `answers_again`: see [`StoreThread::new`].
    pub fn new(answers_again: Arc<Notify>) -> Self {
        let thread = StoreThread::new(Connection::new, answers_again);
        Self { thread }
    }
}

#[async_trait]
impl Backend for SecretService {
    fn kind(&self) -> StoreKind {
        StoreKind::SecretService
    }

    async fn probe(&self) -> Result<String, StoreError> {
        self.thread.call(Connection::probe).await?;
        Ok("the session's keyring answers".to_owned())
    }

    async fn ask_to_unlock(&self) -> Result<(), StoreError> {
        // not on the thread, whose other calls would wait for a keyring that hangs
        let asked = tokio::task::spawn_blocking(is_locked);
        match tokio::time::timeout(LOCKED_TIMEOUT, asked).await {
            Ok(Ok(Ok(true))) => {
                let unlock = |_: &Connection| unlock().map_err(|error| explain(&error));
                self.thread.call(unlock).await
            }
            _ => Ok(()),
        }
    }

    async fn load(&self, id: &str) -> Result<Option<Secret>, StoreError> {
        let id = id.to_owned();
        self.thread.call(move |keyring| keyring.load(&id)).await
    }

    async fn save(&self, id: &str, secret: Secret) -> Result<(), StoreError> {
        let id = id.to_owned();
        let save = move |keyring: &Connection| keyring.save(&id, &secret);
        self.thread.call(save).await
    }

    async fn delete(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.thread.call(move |keyring| keyring.delete(&id)).await
    }
}

/// A connection to the service; dropped and made anew after an error.
struct Connection(Arc<Store>);

impl Connection {
    fn new() -> Result<Self, StoreError> {
        Store::new().map(Self).map_err(unavailable)
    }

    /// Replaces the item as a whole. The keyring crate changes the secret of an item that is there,
    /// and oo7 (0.6) keeps such a change in its memory only: it is lost when oo7 is locked or ends.
    fn save(&self, id: &str, secret: &Secret) -> Result<(), StoreError> {
        if replace_item(id, secret).map_err(|error| explain(&error))? {
            return Ok(());
        }
        self.entry(id)?
            .set_password(secret.expose())
            .map_err(unavailable)
    }

    /// Fails if the service does not answer: asks for an entry that does not exist.
    fn probe(&self) -> Result<(), StoreError> {
        match self.entry("probe")?.get_password() {
            Ok(_) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }

    fn load(&self, id: &str) -> Result<Option<Secret>, StoreError> {
        match self.entry(id)?.get_password() {
            Ok(text) => Ok(Some(Secret::new(text))),
            Err(Error::NoEntry) => not_hidden().map(|()| None),
            Err(error) => Err(unavailable(error)),
        }
    }

    fn delete(&self, id: &str) -> Result<(), StoreError> {
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

/// Replaces the item in the default collection. Returns false if that has none, or is locked.
fn replace_item(id: &str, secret: &Secret) -> Result<bool, secret_service::Error> {
    let service = secret_service::blocking::SecretService::connect(EncryptionType::Dh)?;
    let collection = match service.get_default_collection() {
        Ok(collection) if !collection.is_locked()? => collection,
        Ok(_) | Err(secret_service::Error::NoResult) => return Ok(false),
        Err(error) => return Err(error),
    };
    let attributes = || HashMap::from([("service", SERVICE), ("username", id)]);
    let items = collection.search_items(attributes())?;
    let Some(item) = items.first() else {
        return Ok(false);
    };
    let (label, text) = (item.get_label()?, secret.expose().as_bytes());
    collection.create_item(&label, attributes(), text, true, "application/octet-stream")?;
    Ok(true)
}

/// Shows the keyring's prompt.
fn unlock() -> Result<(), secret_service::Error> {
    let service = secret_service::blocking::SecretService::connect(EncryptionType::Plain)?;
    service.get_default_collection()?.unlock()
}

/// Fails if entries may be hidden: some services (oo7) find nothing in a collection that is locked.
fn not_hidden() -> Result<(), StoreError> {
    match is_locked() {
        Ok(false) => Ok(()),
        Ok(true) => Err(StoreError::Locked),
        Err(error) => Err(explain(&error)),
    }
}

/// Returns true if the default collection, if there is one, is locked.
fn is_locked() -> Result<bool, secret_service::Error> {
    let service = secret_service::blocking::SecretService::connect(EncryptionType::Plain)?;
    match service.get_default_collection() {
        Err(secret_service::Error::NoResult) => Ok(false),
        collection => collection?.is_locked(),
    }
}
