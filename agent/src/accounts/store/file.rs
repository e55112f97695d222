//! The encrypted file store: a directory of this user's with a key, sealed with a passphrase, and
//! one file for each account, sealed to that key. Locked from the daemon's start until somebody
//! gives the passphrase.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use opkssh_files::Writer;
use opkssh_protocol::secret::Secret;
use parking_lot::Mutex;

use super::backend::Backend;
use super::error::StoreError;
use super::kind::StoreKind;
use super::password::PasswordError;
use super::seal::SealKey;
use crate::private_dir::make_private;

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
            make_private(&directory).map_err(|error| PasswordError::file(&directory, error))?;
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
        .map_err(|error| PasswordError::sealed(file, &error))?;
    // never over another, which entries may be sealed to
    Writer::private()
        .create(file, wrapped.as_bytes())
        .map_err(|error| PasswordError::file(file, error))?;
    Ok(key)
}

fn read_key(file: &Path, passphrase: &Secret) -> Result<SealKey, PasswordError> {
    let wrapped =
        std::fs::read_to_string(file).map_err(|error| PasswordError::file(file, error))?;
    SealKey::unwrap(&wrapped, passphrase).map_err(|error| PasswordError::sealed(file, &error))
}

fn unusable(error: impl ToString) -> StoreError {
    StoreError::File(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    async fn unlock(store: &FileStore, passphrase: &str) -> Result<(), PasswordError> {
        store.unlock(secret(passphrase)).await
    }

    #[tokio::test]
    async fn it_is_new_then_open_then_locked_until_the_passphrase_is_said() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("store");
        let store = FileStore::new(directory.clone());
        assert!(matches!(store.check_open(), Err(StoreError::FileNew)));
        assert!(matches!(store.load("a").await, Err(StoreError::FileNew)));
        unlock(&store, "one two").await.unwrap();
        store.save("a", secret("a token")).await.unwrap();
        for entry in std::fs::read_dir(&directory).unwrap() {
            let file = entry.unwrap().path();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            assert!(!std::fs::read_to_string(file).unwrap().contains("token"));
        }
        let mode = directory.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);

        // the next daemon
        let store = FileStore::new(directory);
        assert!(matches!(store.check_open(), Err(StoreError::FileLocked)));
        assert!(matches!(store.load("a").await, Err(StoreError::FileLocked)));
        let refused = store.save("a", secret("b")).await;
        assert!(matches!(refused, Err(StoreError::FileLocked)));
        let refused = unlock(&store, "one tow").await;
        assert_eq!(refused, Err(PasswordError::Wrong));
        unlock(&store, "one two").await.unwrap();
        let loaded = store.load("a").await.unwrap().unwrap();
        assert_eq!(loaded.expose(), "a token");
        assert!(store.load("b").await.unwrap().is_none());
        store.delete("a").await.unwrap();
        store.delete("a").await.unwrap();
        assert!(store.load("a").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_damaged_entry_is_told_and_a_foreign_directory_refused() {
        let parent = tempfile::tempdir().unwrap();
        let store = FileStore::new(parent.path().join("store"));
        unlock(&store, "p").await.unwrap();
        store.save("a", secret("t")).await.unwrap();
        std::fs::write(store.file("a"), "half").unwrap();
        assert!(matches!(store.load("a").await, Err(StoreError::Unreadable)));

        // the passphrase that is there is not replaced, whatever made it look new
        let key = store.directory.join(KEY);
        let before = std::fs::read(&key).unwrap();
        assert!(make_key(&key, &secret("another")).is_err());
        assert_eq!(std::fs::read(&key).unwrap(), before);

        let link = parent.path().join("link");
        std::os::unix::fs::symlink(parent.path(), &link).unwrap();
        let refused = unlock(&FileStore::new(link), "p").await;
        assert!(matches!(refused, Err(PasswordError::File { .. })));
    }
}
