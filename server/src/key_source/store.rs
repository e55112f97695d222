//! The directory of the key cache. Write access decides who can log in, so it is used only if its
//! owner runs this program and nobody else can write there.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::entry::Attempt;
use super::{Entry, KeySourceError};
use crate::account;
use crate::deadline::Deadline;
use opkssh_protocol::key_set::KeySet;

/// Largest file, in bytes: a quoted key set of a megabyte.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Suffixes of the files of an issuer: its keys, the last request for keys, and the last unanswered
/// userinfo request.
const KEYS: &str = "keys";
const ASKED: &str = "asked";
const USERINFO: &str = "userinfo";

pub struct Store {
    directory: OwnedFd,
    path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    #[error("{path}: {error}", path = path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{path} is not a directory", path = .0.display())]
    NotADirectory(PathBuf),
    #[error(
        "{path} has mode {mode:o}, and others than its owner may have written to it",
        path = path.display()
    )]
    Mode { path: PathBuf, mode: u32 },
    #[error(
        "{path} belongs to uid {uid}, not to uid {ourselves}, which runs this program",
        path = path.display()
    )]
    Owner {
        path: PathBuf,
        uid: u32,
        ourselves: u32,
    },
    #[error("the account nobody is shared with other programs")]
    Nobody,
}

impl Store {
    /// Opens and checks the directory: it belongs only to this account, has mode 0700, is no
    /// symlink, and this account is not `nobody`.
    pub fn open(path: &Path) -> Result<Self, KeyStoreError> {
        let failed = |errno| match errno {
            Errno::LOOP | Errno::NOTDIR => KeyStoreError::NotADirectory(path.to_owned()),
            other => io_error(path, other),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(failed)?;
        let stat = rustix::fs::fstat(&directory).map_err(failed)?;
        check_owner_and_mode(&stat, path, rustix::process::geteuid().as_raw())?;
        Ok(Self {
            directory,
            path: path.to_owned(),
        })
    }

    /// Fails if the account `uid` would not use this directory. Does not open it.
    pub fn check(path: &Path, uid: u32) -> Result<(), KeyStoreError> {
        let stat = rustix::fs::lstat(path).map_err(|errno| io_error(path, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Err(KeyStoreError::NotADirectory(path.to_owned()));
        }
        check_owner_and_mode(&stat, path, uid)
    }

    /// Fails if the owner of this directory would not use it.
    pub fn check_for_owner(path: &Path) -> Result<(), KeyStoreError> {
        let stat = rustix::fs::lstat(path).map_err(|errno| io_error(path, errno))?;
        Self::check(path, stat.st_uid)
    }

    /// Returns the issuer's entry, if there is one. Fails if it exists but cannot be used.
    pub fn entry(&self, issuer: &str) -> Result<Option<(Entry, KeySet)>, String> {
        let Some(bytes) = self.read(&name(issuer, KEYS))? else {
            return Ok(None);
        };
        Entry::read(&bytes, issuer).map(Some)
    }

    /// Returns the time of the last request to the issuer. An unreadable record counts as none.
    pub fn attempt(&self, issuer: &str) -> Option<Attempt> {
        self.read_attempt(issuer, ASKED)
    }

    /// Returns the time of the issuer's last unanswered userinfo request.
    pub fn userinfo_attempt(&self, issuer: &str) -> Option<Attempt> {
        self.read_attempt(issuer, USERINFO)
    }

    fn read_attempt(&self, issuer: &str, kind: &str) -> Option<Attempt> {
        let bytes = self.read(&name(issuer, kind)).ok()??;
        Attempt::read(&bytes, issuer).ok()
    }

    /// Stores an entry durably, even against a power failure: it is needed when the provider is
    /// down.
    pub fn keep(&self, entry: &Entry) -> Result<(), KeyStoreError> {
        self.write(&name(&entry.issuer, KEYS), &entry.write(), true)
    }

    pub fn note(&self, attempt: &Attempt) -> Result<(), KeyStoreError> {
        self.write(&name(&attempt.issuer, ASKED), &attempt.write(), false)
    }

    pub fn note_userinfo(&self, attempt: &Attempt) -> Result<(), KeyStoreError> {
        let name = name(&attempt.issuer, USERINFO);
        self.write(&name, &attempt.write(), false)
    }

    /// Deletes an issuer's entries. Its lock stays, because another process may hold it.
    pub fn forget(&self, issuer: &str) -> Result<(), KeyStoreError> {
        for kind in [KEYS, ASKED, USERINFO] {
            let name = name(issuer, kind);
            match rustix::fs::unlinkat(&self.directory, &name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(self.failed(&name, errno)),
            }
        }
        Ok(())
    }

    /// Deletes all files of the cache, including issuers that are no longer configured. Returns how
    /// many issuers had keys.
    pub fn forget_all(&self) -> Result<usize, KeyStoreError> {
        let mut forgotten = 0;
        let failed = |error| io_error(&self.path, error);
        for entry in self.path.read_dir().map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let Some(kind) = Path::new(&name).extension() else {
                continue;
            };
            if kind == KEYS || kind == ASKED || kind == USERINFO {
                forgotten += usize::from(kind == KEYS);
                rustix::fs::unlinkat(&self.directory, &name, AtFlags::empty())
                    .map_err(|errno| io_error(&self.path.join(&name), errno))?;
            }
        }
        Ok(forgotten)
    }

    /// Waits until the deadline for the lock to ask the issuer: while it lives, no other process
    /// asks. The lock ends with the returned handle, or with the process.
    pub fn lock_issuer(&self, issuer: &str, deadline: Deadline) -> Result<OwnedFd, NoIssuerLock> {
        let waited = deadline.remaining();
        let name = name(issuer, "lock");
        if let Some(lock) = self.try_lock(&name).map_err(NoIssuerLock::NoLock)? {
            return Ok(lock);
        }
        let lock = self.lock_file(&name).map_err(NoIssuerLock::NoLock)?;
        // flock has no deadline; a blocked thread ends with the process
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            if rustix::fs::flock(&lock, FlockOperation::LockExclusive).is_ok() {
                let _ = sender.send(lock);
            }
        });
        receiver.recv_timeout(deadline.remaining()).map_err(|_| {
            NoIssuerLock::OthersAreAsking(KeySourceError::OthersAreAsking {
                issuer: issuer.to_owned(),
                waited,
            })
        })
    }

    /// Locks a file in the directory, created if needed. `None`: it is already locked. The lock
    /// ends with the returned handle.
    pub(crate) fn try_lock(&self, name: &str) -> Result<Option<OwnedFd>, KeyStoreError> {
        let file = self.lock_file(name)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(self.failed(name, errno)),
        }
    }

    fn lock_file(&self, name: &str) -> Result<OwnedFd, KeyStoreError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(&self.directory, name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| self.failed(name, errno))
    }

    fn failed(&self, name: &str, errno: Errno) -> KeyStoreError {
        io_error(&self.path.join(name), errno)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(&self.directory, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(self.failed(name, errno).to_string()),
        };
        let stat = rustix::fs::fstat(&fd).map_err(|errno| errno.to_string())?;
        let is_ours = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && stat.st_uid == rustix::process::geteuid().as_raw()
            && stat.st_mode & 0o077 == 0;
        if !is_ours {
            return Err(format!(
                "{} is not our own private file",
                self.path.join(name).display()
            ));
        }
        let mut bytes = Vec::new();
        File::from(fd)
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| error.to_string())?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(format!("{} is too large", self.path.join(name).display()));
        }
        Ok(Some(bytes))
    }

    /// Replaces a file atomically: readers see the old content or the new one. If it `is_durable`,
    /// the new content is on disk before the rename: after a power failure the file is not empty.
    fn write(&self, name: &str, bytes: &[u8], is_durable: bool) -> Result<(), KeyStoreError> {
        // only one process writes at a time, but a killed one may have left its file
        let unfinished = format!("{name}.{}", std::process::id());
        let written = self
            .write_unfinished(&unfinished, bytes, is_durable)
            .and_then(|()| {
                rustix::fs::renameat(&self.directory, &unfinished, &self.directory, name)
                    .map_err(|errno| self.failed(name, errno))
            });
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&self.directory, &unfinished, AtFlags::empty());
        } else if is_durable {
            // best effort: without it, the old content may come back, which is complete
            let _ = rustix::fs::fsync(&self.directory);
        }
        written
    }

    fn write_unfinished(
        &self,
        name: &str,
        bytes: &[u8],
        is_durable: bool,
    ) -> Result<(), KeyStoreError> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let mut file = rustix::fs::openat(&self.directory, name, flags, mode)
            .map(File::from)
            .map_err(|errno| self.failed(name, errno))?;
        let written = file.write_all(bytes).and_then(|()| match is_durable {
            true => file.sync_all(),
            false => Ok(()),
        });
        written.map_err(|error| io_error(&self.path.join(name), error))
    }
}

#[derive(Debug)]
pub enum NoIssuerLock {
    /// Another process had it all the time.
    OthersAreAsking(KeySourceError),
    /// Locking is impossible (read-only, no inodes left, forbidden by SELinux). Says nothing about
    /// other processes or the provider.
    NoLock(KeyStoreError),
}

/// Fails for an account that other programs share.
pub(super) fn check_account(uid: u32) -> Result<(), KeyStoreError> {
    match account::is_nobody(uid) {
        true => Err(KeyStoreError::Nobody),
        false => Ok(()),
    }
}

fn check_owner_and_mode(stat: &Stat, path: &Path, ourselves: u32) -> Result<(), KeyStoreError> {
    check_account(ourselves)?;
    if stat.st_uid != ourselves {
        return Err(KeyStoreError::Owner {
            path: path.to_owned(),
            uid: stat.st_uid,
            ourselves,
        });
    }
    let mode = stat.st_mode & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyStoreError::Mode {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

/// Returns a file name for an issuer, whose own name has slashes and any length.
fn name(issuer: &str, kind: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, issuer.as_bytes());
    format!("{}.{kind}", URL_SAFE_NO_PAD.encode(digest))
}

pub(super) fn io_error(path: &Path, error: impl Into<io::Error>) -> KeyStoreError {
    KeyStoreError::Io {
        path: path.to_owned(),
        error: error.into(),
    }
}

#[cfg(test)]
mod tests;
