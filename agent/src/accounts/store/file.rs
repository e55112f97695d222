//! The encrypted file store: a directory of this user's with a key, sealed with a passphrase, and
//! one file for each account, sealed to that key. Locked from the daemon's start until somebody
//! gives the passphrase.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use opkssh_files::{Writer, make_private};
use opkssh_protocol::secret::Secret;
use parking_lot::Mutex;

use super::backend::Backend;
use super::error::StoreError;
use super::kind::StoreKind;
use super::password::PasswordError;
use crate::seal::SealKey;

/// Holds the key.
const KEY: &str = "identity.age";

pub struct FileStore {
    directory: PathBuf,
    /// Set by [`unlock`](Backend::unlock).
    key: Mutex<Option<Arc<SealKey>>>,
}

impl FileStore {
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            key: Mutex::new(None),
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let directory = self.directory.clone();
        tokio::task::spawn_blocking(move || work(&directory))
            .await
            .unwrap_or_else(|_| Err(unusable("the agent ends")))
    }

    /// Returns the key; fails while the store is locked or new.
    fn open_key(&self) -> Result<Arc<SealKey>, StoreError> {
        self.check_open()?;
        self.key.lock().clone().ok_or(StoreError::FileLocked)
    }

    /// Returns the file of an account, named by a hash: account names may be of any length.
    fn file(&self, id: &str) -> PathBuf {
        let digest = ring::digest::digest(&ring::digest::SHA256, id.as_bytes());
        let bytes = digest.as_ref()[..16].iter();
        let name: String = bytes.map(|byte| format!("{byte:02x}")).collect();
        self.directory.join(name + ".age")
    }
}

#[async_trait]
impl Backend for FileStore {
    fn kind(&self) -> StoreKind {
        StoreKind::File
    }

    async fn probe(&self) -> Result<String, StoreError> {
        self.check_open()?;
        Ok("there is an encrypted file, and it is unlocked".to_owned())
    }

    fn check_open(&self) -> Result<(), StoreError> {
        if self.key.lock().is_some() {
            return Ok(());
        }
        match self.directory.join(KEY).try_exists() {
            Ok(false) => Err(StoreError::FileNew),
            // a file that cannot be looked at may hold a key
            Ok(true) | Err(_) => Err(StoreError::FileLocked),
        }
    }

    async fn save(&self, id: &str, secret: Secret) -> Result<(), StoreError> {
        let (key, file) = (self.open_key()?, self.file(id));
        self.blocking(move |directory| {
            make_private(directory).map_err(unusable)?;
            let sealed = key.recipient().seal(&secret).map_err(unusable)?;
            Writer::private()
                .replace(&file, sealed.as_bytes())
                .map_err(unusable)
        })
        .await
    }

    async fn load(&self, id: &str) -> Result<Option<Secret>, StoreError> {
        let (key, file) = (self.open_key()?, self.file(id));
        self.blocking(move |_| match std::fs::read_to_string(&file) {
            Ok(sealed) => key
                .open(&sealed)
                .map(Some)
                .map_err(|_| StoreError::Unreadable),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Err(StoreError::Unreadable)
            }
            Err(error) => Err(unusable(error)),
        })
        .await
    }

    /// Needs no passphrase: a file can be deleted without being read.
    async fn delete(&self, id: &str) -> Result<(), StoreError> {
        let file = self.file(id);
        self.blocking(move |_| opkssh_files::remove(&file).map_err(unusable))
            .await
    }

    async fn unlock(&self, passphrase: Secret) -> Result<(), PasswordError> {
        let Err(closed) = self.check_open() else {
            return Err(PasswordError::NotLocked);
        };
        let directory = self.directory.clone();
        let key = tokio::task::spawn_blocking(move || {
            make_private(&directory)
                .map_err(|error| PasswordError::file(directory.display(), error.problem))?;
            match closed {
                StoreError::FileNew => make_key(&directory.join(KEY), &passphrase),
                _ => read_key(&directory.join(KEY), &passphrase),
            }
        });
        let key = key.await.map_err(|_| PasswordError::Ending)??;
        *self.key.lock() = Some(Arc::new(key));
        Ok(())
    }
}

fn make_key(file: &Path, passphrase: &Secret) -> Result<SealKey, PasswordError> {
    let key = SealKey::generate();
    let wrapped = key
        .wrap(passphrase)
        .map_err(|error| PasswordError::sealed(file.display(), &error))?;
    // never over another, which entries may be sealed to
    Writer::private()
        .create(file, wrapped.as_bytes())
        .map_err(|error| PasswordError::file(file.display(), error))?;
    Ok(key)
}

fn read_key(file: &Path, passphrase: &Secret) -> Result<SealKey, PasswordError> {
    let wrapped = std::fs::read_to_string(file)
        .map_err(|error| PasswordError::file(file.display(), error))?;
    SealKey::unwrap(&wrapped, passphrase)
        .map_err(|error| PasswordError::sealed(file.display(), &error))
}

fn unusable(error: impl ToString) -> StoreError {
    StoreError::File(error.to_string())
}

#[cfg(test)]
mod tests;
