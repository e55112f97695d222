//! `accounts.json`: which accounts there are and which store each uses. It holds no secret, and is
//! what makes the choice of a store stick.

use std::path::PathBuf;
use std::sync::Mutex;

use opkssh_protocol::time::UnixTime;
use serde::{Deserialize, Serialize};

use super::private_file;
use super::record::Record;
use super::{StoreError, StoreKind};
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
    pub fn new(alias: &str, record: &Record, store: StoreKind) -> Self {
        Self {
            alias: alias.to_owned(),
            provider_aliases: record.provider.aliases.clone(),
            subject: record.subject(),
            issuer: record.provider.issuer.clone(),
            client_id: record.provider.client_id.clone(),
            store,
            logged_in_at: record.logged_in_at,
            leaving: false,
            sealed: false,
            visibility: None,
        }
    }

    /// Is `word` the account's name, or what its provider is called?
    pub fn is_called(&self, word: &str) -> bool {
        self.alias == word || self.issuer == word || self.provider_aliases.iter().any(|a| a == word)
    }
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

    /// Changes one account's entry: `change` gets what there is and says what there shall be.
    pub fn change(
        &self,
        alias: &str,
        change: impl FnOnce(Option<Entry>) -> Option<Entry>,
    ) -> Result<(), StoreError> {
        let _changing = self
            .changing
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut index = self.read()?;
        let position = index.accounts.iter().position(|entry| entry.alias == alias);
        let before = position.map(|position| index.accounts.remove(position));
        match (before.clone(), change(before)) {
            (before, after) if before == after => return Ok(()),
            (_, after) => index.accounts.extend(after),
        }
        self.write(&index)
    }

    /// Notes whether what the store has of an account may be sealed. One that the index does not
    /// know stays unknown.
    pub fn note_sealed(&self, alias: &str, sealed: bool) -> Result<(), StoreError> {
        self.change(alias, |entry| entry.map(|entry| Entry { sealed, ..entry }))
    }

    /// Notes to which servers an account is shown. One that the index does not know stays unknown.
    pub fn note_visibility(&self, alias: &str, visibility: Visibility) -> Result<(), StoreError> {
        self.change(alias, |entry| {
            entry.map(|entry| Entry {
                visibility: Some(visibility),
                ..entry
            })
        })
    }

    /// No file: no accounts. A file that cannot be read is an error, or the next write would lose
    /// what it says.
    pub fn read(&self) -> Result<Index, StoreError> {
        match std::fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| StoreError::Index(format!("{}: {error}", self.path.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Index::default()),
            Err(error) => Err(StoreError::Index(format!(
                "{}: {error}",
                self.path.display()
            ))),
        }
    }

    /// Replaces the file in one step; it is on disk when this returns.
    fn write(&self, index: &Index) -> Result<(), StoreError> {
        let write = || -> std::io::Result<()> {
            let mut text = serde_json::to_vec_pretty(index)?;
            text.push(b'\n');
            private_file::replace(&self.path, &text)
        };
        write().map_err(|error| StoreError::Index(format!("{}: {error}", self.path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(alias: &str) -> Entry {
        Entry {
            alias: alias.to_owned(),
            provider_aliases: Vec::new(),
            subject: None,
            issuer: "https://op.example.com".to_owned(),
            client_id: "c".to_owned(),
            store: StoreKind::SecretService,
            logged_in_at: UnixTime(1),
            leaving: false,
            sealed: false,
            visibility: None,
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
                    file.change(&alias, |_| Some(entry(&alias))).unwrap();
                });
            }
        });
        assert_eq!(file.read().unwrap().accounts.len(), 8);
        file.change("a3", |_| None).unwrap();
        assert_eq!(file.read().unwrap().accounts.len(), 7);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("accounts.json");
        std::fs::write(&path, "{half").unwrap();
        let file = IndexFile::new(path.clone());
        assert!(file.change("a", |_| Some(entry("a"))).is_err());
        assert_eq!(std::fs::read_to_string(path).unwrap(), "{half");
    }
}
