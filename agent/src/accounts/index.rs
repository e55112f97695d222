//! `accounts.json`: which accounts there are and which store each uses. It holds no secret, and is
//! what makes the choice of a store stick.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use opkssh_protocol::time::UnixTime;
use serde::{Deserialize, Serialize};

use super::store::{StoreError, StoreKind};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    pub accounts: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Also the name of the store's item.
    pub alias: String,
    pub issuer: String,
    pub client_id: String,
    pub store: StoreKind,
    pub logged_in_at: UnixTime,
}

pub struct IndexFile(PathBuf);

impl IndexFile {
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// No file: no accounts. A file that cannot be read is an error, or the next write would lose
    /// what it says.
    pub fn read(&self) -> Result<Index, StoreError> {
        match std::fs::read(&self.0) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| StoreError::Index(format!("{}: {error}", self.0.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Index::default()),
            Err(error) => Err(StoreError::Index(format!("{}: {error}", self.0.display()))),
        }
    }

    /// Replaces the file in one step; it is on disk when this returns.
    pub fn write(&self, index: &Index) -> Result<(), StoreError> {
        let directory = self.0.parent().unwrap_or(Path::new("."));
        let write = || -> std::io::Result<()> {
            // created 0600 from the start
            let mut file = tempfile::NamedTempFile::new_in(directory)?;
            serde_json::to_writer_pretty(&mut file, index)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(&self.0)?;
            std::fs::File::open(directory)?.sync_all()
        };
        write().map_err(|error| StoreError::Index(format!("{}: {error}", self.0.display())))
    }
}
