//! A small file in the state directory. A separate agent has its contents in memory only.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::PathBuf;

use opkssh_files::Writer;
use parking_lot::Mutex;

pub enum StateFile {
    OnDisk(PathBuf),
    InMemory(Mutex<Option<Vec<u8>>>),
}

impl StateFile {
    /// Returns the file at `path`, by default one in memory.
    pub fn new(path: Option<PathBuf>) -> Self {
        match path {
            Some(path) => Self::OnDisk(path),
            None => Self::InMemory(Mutex::default()),
        }
    }

    /// Returns the contents, or `None` if there is no such file.
    pub fn read(&self) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::OnDisk(path) => match std::fs::read(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                read => read.map(Some),
            },
            Self::InMemory(contents) => Ok(contents.lock().clone()),
        }
    }

    /// Replaces the contents in one step. They are on disk when this returns.
    pub fn replace(&self, contents: &[u8]) -> io::Result<()> {
        match self {
            Self::OnDisk(path) => Writer::private().replace(path, contents),
            Self::InMemory(kept) => {
                *kept.lock() = Some(contents.to_vec());
                Ok(())
            }
        }
    }

    /// Fails if this many bytes could not be written, for instance because the disk is full.
    pub fn try_out(&self, bytes: usize) -> io::Result<()> {
        match self {
            Self::OnDisk(path) => Writer::private().try_out(path, bytes),
            Self::InMemory(_) => Ok(()),
        }
    }

    pub fn remove(&self) -> io::Result<()> {
        match self {
            Self::OnDisk(path) => opkssh_files::remove(path),
            Self::InMemory(contents) => {
                *contents.lock() = None;
                Ok(())
            }
        }
    }
}

impl Display for StateFile {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnDisk(path) => path.display().fmt(f),
            Self::InMemory(_) => f.write_str("memory"),
        }
    }
}
