//! The directory of a command's socket, in the runtime directory.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use opkssh_files::{TempDir, fresh_private, make_private};
use opkssh_protocol::places::Places;

use crate::connection::dead_socket::is_dead;
use crate::connection::runtime_dir::unusable;
use crate::error::ClientError;

/// What the directories' names begin with.
const PREFIX: &str = "run-";

/// A directory for the sockets of one command. Dropped, goes away.
pub struct CommandDirectory {
    directory: TempDir,
    /// Until the agent listens, which is before the process becomes the command, no other command
    /// removes the directory. The lock of the runtime directory, shared.
    _starting: File,
}

impl CommandDirectory {
    /// Creates a directory with mode 0700. Removes those of agents that were killed.
    pub fn create(places: &Places) -> Result<Self, ClientError> {
        let runtime_dir = &places.runtime_dir;
        make_private(runtime_dir)
            .map_err(|error| unusable(&places.control_socket(), &error.problem.to_string()))?;
        let what = format!("cannot make a directory in {}", runtime_dir.display());
        let create = || {
            let lock = File::open(runtime_dir)?;
            // not while another command's agent starts: a new socket does not listen at once
            if lock.try_lock().is_ok() {
                remove_dead(runtime_dir);
                let _ = lock.unlock();
            }
            // without locks on this file system, nothing is removed
            let _ = lock.lock_shared();
            Ok(Self {
                directory: fresh_private(runtime_dir, PREFIX)?,
                _starting: lock,
            })
        };
        create().map_err(ClientError::io(what))
    }

    /// Returns the path of the agent socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("agent.sock")
    }
}

/// Removes the directories of agents that are gone.
fn remove_dead(runtime_dir: &Path) {
    let entries = fs::read_dir(runtime_dir).into_iter().flatten().flatten();
    let named = entries.filter(|it| {
        it.file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes())
    });
    for directory in named.map(|it| it.path()) {
        if let Ok(Some(sockets)) = dead_sockets(&directory) {
            let removed = sockets.iter().try_for_each(fs::remove_file);
            // what cannot be removed is left for the next command
            let _ = removed.and_then(|()| fs::remove_dir(&directory));
        }
    }
}

/// Returns the sockets in `directory` if it is this user's, holds only sockets, at least one, and
/// none has a listener.
fn dead_sockets(directory: &Path) -> io::Result<Option<Vec<PathBuf>>> {
    let found = directory.symlink_metadata()?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Ok(None);
    }
    let mut sockets = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_type()?.is_socket() || !is_dead(&entry.path())? {
            return Ok(None);
        }
        sockets.push(entry.path());
    }
    Ok((!sockets.is_empty()).then_some(sockets))
}
