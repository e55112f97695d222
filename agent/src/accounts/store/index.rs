//! `accounts.json`: which accounts there are and which store each uses. It holds no secret, and is
//! what makes the choice of a store stick.

use std::path::PathBuf;

use opkssh_protocol::time::UnixTime;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::private_file;
use super::{StoreError, StoreKind};
use crate::accounts::lifecycle::Version;
use crate::accounts::material::{IndexEntry, Person, Profile};
use crate::serving::source::Visibility;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    pub accounts: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The account's name, and that of the store's item.
    pub alias: String,
    /// What its provider is called, besides its issuer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provider_aliases: Vec<String>,
    pub issuer: String,
    pub client_id: String,
    /// `None`: written by an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    pub store: StoreKind,
    pub logged_in_at: UnixTime,
    /// Counts the changes since that login: no item below is used.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u64,
    /// Logged out, but not out of the store yet: nothing may bring it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaving: bool,
    /// The store's entry may be sealed, with the key in `seal.json`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sealed: bool,
    /// To which servers the account was last shown; `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
}

impl Entry {
    /// Returns the entry that says this.
    pub fn new(account: &str, entry: IndexEntry) -> Self {
        let IndexEntry {
            person,
            store,
            version,
            leaving,
            may_be_sealed,
            profile,
        } = entry;
        let (client_id, provider_aliases, visibility) = match profile {
            Some(profile) => (
                profile.client_id,
                profile.provider_aliases,
                profile.visibility,
            ),
            None => Default::default(),
        };
        Self {
            alias: account.to_owned(),
            provider_aliases,
            issuer: person.issuer,
            client_id,
            subject: person.subject,
            store,
            logged_in_at: UnixTime(version.login),
            generation: version.generation,
            leaving,
            sealed: may_be_sealed,
            visibility,
        }
    }

    /// Returns what the entry says, and of which account.
    pub fn read(self) -> (String, IndexEntry) {
        let entry = IndexEntry {
            person: Person {
                issuer: self.issuer,
                subject: self.subject,
            },
            store: self.store,
            version: Version {
                login: self.logged_in_at.0,
                generation: self.generation,
            },
            leaving: self.leaving,
            may_be_sealed: self.sealed,
            profile: Some(Profile {
                client_id: self.client_id,
                provider_aliases: self.provider_aliases,
                visibility: self.visibility,
            }),
        };
        (self.alias, entry)
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

pub struct IndexFile {
    path: PathBuf,
    /// Held from reading to writing.
    changing: Mutex<()>,
}

impl IndexFile {
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            changing: Mutex::new(()),
        }
    }

    /// Replaces an account's entry; `None` removes it.
    pub fn write(&self, account: &str, entry: Option<IndexEntry>) -> Result<(), StoreError> {
        let _changing = self.changing.lock();
        let mut index = self.read()?;
        index.accounts.retain(|entry| entry.alias != account);
        index
            .accounts
            .extend(entry.map(|entry| Entry::new(account, entry)));
        self.replace(&index)
    }

    /// Returns an empty index if there is no file. Fails if the file cannot be read, or the next
    /// write would lose its entries.
    pub fn read(&self) -> Result<Index, StoreError> {
        match std::fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| self.failed(error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Index::default()),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Replaces the file in one step; it is on disk when this returns.
    fn replace(&self, index: &Index) -> Result<(), StoreError> {
        let mut text = serde_json::to_vec_pretty(index).map_err(|error| self.failed(error))?;
        text.push(b'\n');
        private_file::replace(&self.path, &text).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: impl std::fmt::Display) -> StoreError {
        StoreError::Index(format!("{}: {error}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> IndexEntry {
        IndexEntry {
            person: Person {
                issuer: "https://op.example.com".to_owned(),
                subject: None,
            },
            store: StoreKind::SecretService,
            version: Version {
                login: 1,
                generation: 2,
            },
            leaving: false,
            may_be_sealed: true,
            profile: None,
        }
    }

    #[test]
    fn changes_at_once_do_not_lose_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let file = IndexFile::new(directory.path().join("accounts.json"));
        std::thread::scope(|scope| {
            for number in 0..8 {
                let file = &file;
                scope.spawn(move || {
                    let alias = format!("a{number}");
                    file.write(&alias, Some(entry())).unwrap();
                });
            }
        });
        assert_eq!(file.read().unwrap().accounts.len(), 8);
        file.write("a3", None).unwrap();
        assert_eq!(file.read().unwrap().accounts.len(), 7);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("accounts.json");
        std::fs::write(&path, "{half").unwrap();
        let file = IndexFile::new(path.clone());
        assert!(file.write("a", Some(entry())).is_err());
        assert_eq!(std::fs::read_to_string(path).unwrap(), "{half");
    }
}
