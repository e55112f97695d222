//! `accounts.json`: which accounts there are and which store each uses. It holds no secret, and is
//! what makes the choice of a store stick.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::state_file::StateFile;
use crate::accounts::material::IndexEntry;

#[derive(Default, Serialize, Deserialize)]
pub struct Index {
    pub accounts: Vec<NamedEntry>,
}

#[derive(Serialize, Deserialize)]
pub struct NamedEntry {
    /// The account's name, and that of the store's item.
    #[serde(rename = "alias")]
    pub name: String,
    #[serde(flatten)]
    pub entry: IndexEntry,
}

pub struct IndexFile {
    file: StateFile,
    /// Held from reading to writing.
    changing: Mutex<()>,
}

impl IndexFile {
    pub fn new(file: StateFile) -> Self {
        Self {
            file,
            changing: Mutex::new(()),
        }
    }

    /// Replaces an account's entry; `None` removes it.
    pub fn write(&self, account: &str, entry: Option<IndexEntry>) -> Result<(), StoreError> {
        let _changing = self.changing.lock();
        let mut index = self.read()?;
        // in its place: the first one is the default account
        let mut accounts = index.accounts.iter();
        let place = accounts.position(|known| known.name == account);
        let name = account.to_owned();
        let named = entry.map(|entry| NamedEntry { name, entry });
        match place {
            Some(place) => drop(index.accounts.splice(place..=place, named)),
            None => index.accounts.extend(named),
        }
        self.replace(&index)
    }

    /// Puts an account first, where it is the default.
    pub fn put_first(&self, account: &str) -> Result<(), StoreError> {
        let _changing = self.changing.lock();
        let mut index = self.read()?;
        let mut accounts = index.accounts.iter();
        match accounts.position(|known| known.name == account) {
            None | Some(0) => Ok(()),
            Some(place) => {
                index.accounts[..=place].rotate_right(1);
                self.replace(&index)
            }
        }
    }

    /// Fails if the file could not be written, for instance because the disk is full.
    pub fn try_out(&self) -> Result<(), StoreError> {
        let written = self.file.try_out(16 * 1024);
        written.map_err(|error| self.failed(error))
    }

    /// Returns an empty index if there is no file. Fails if the file cannot be read, or the next
    /// write would lose its entries.
    pub fn read(&self) -> Result<Index, StoreError> {
        match self.file.read().map_err(|error| self.failed(error))? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| self.failed(error)),
            None => Ok(Index::default()),
        }
    }

    /// Replaces the file in one step; it is on disk when this returns.
    fn replace(&self, index: &Index) -> Result<(), StoreError> {
        let mut text = serde_json::to_vec_pretty(index).map_err(|error| self.failed(error))?;
        text.push(b'\n');
        let written = self.file.replace(&text);
        written.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: impl std::fmt::Display) -> StoreError {
        StoreError::Index(format!("{}: {error}", self.file))
    }
}

#[cfg(test)]
mod tests;
