//! The directory in which keys are kept. Who can write there decides who gets in, so it is used
//! only where nobody but its owner can, and its owner is who runs this program.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};

use super::entry::Attempt;
use super::{Entry, KeySourceError};
use opkssh_protocol::key_set::KeySet;

/// Largest file we read, in bytes: a key set of a megabyte, quoted.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Accounts of this uid and name are shared by what needs no rights of its own.
const NOBODY: (u32, &str) = (65534, "nobody");

/// A directory that may be believed.
pub struct Store {
    directory: OwnedFd,
    path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
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
    /// Opens the directory and judges it: ours alone, mode 0700, no symlink, and we are not
    /// `nobody`.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |errno: rustix::io::Errno| match errno {
            rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR => {
                StoreError::NotADirectory(path.to_owned())
            }
            other => io_error(path, other),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(failed)?;
        let stat = rustix::fs::fstat(&directory).map_err(failed)?;
        judge(&stat, path, rustix::process::geteuid().as_raw())?;
        Ok(Self {
            directory,
            path: path.to_owned(),
        })
    }

    /// Would its owner use this directory? For others to look at.
    pub fn check(path: &Path) -> Result<(), StoreError> {
        let stat = rustix::fs::lstat(path).map_err(|errno| io_error(path, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Err(StoreError::NotADirectory(path.to_owned()));
        }
        judge(&stat, path, stat.st_uid)
    }

    /// The issuer's entry, if there is one. An error says why one that is there is not used.
    pub fn entry(&self, issuer: &str) -> Result<Option<(Entry, KeySet)>, String> {
        let Some(bytes) = self.read(&name(issuer, "keys"))? else {
            return Ok(None);
        };
        Entry::read(&bytes, issuer)
            .map(Some)
            .map_err(|error| error.to_string())
    }

    /// When the issuer was asked last. What cannot be read counts as never.
    pub fn attempt(&self, issuer: &str) -> Option<Attempt> {
        let bytes = self.read(&name(issuer, "asked")).ok()??;
        Attempt::read(&bytes, issuer).ok()
    }

    pub fn keep(&self, entry: &Entry) -> Result<(), StoreError> {
        self.write(&name(&entry.issuer, "keys"), &entry.write())
    }

    pub fn note(&self, attempt: &Attempt) -> Result<(), StoreError> {
        self.write(&name(&attempt.issuer, "asked"), &attempt.write())
    }

    /// Forgets an issuer. Its lock stays: somebody may hold it.
    pub fn forget(&self, issuer: &str) -> Result<(), StoreError> {
        for kind in ["keys", "asked"] {
            let name = name(issuer, kind);
            match rustix::fs::unlinkat(&self.directory, &name, AtFlags::empty()) {
                Ok(()) | Err(rustix::io::Errno::NOENT) => {}
                Err(errno) => return Err(io_error(&self.path.join(name), errno)),
            }
        }
        Ok(())
    }

    /// Forgets everything in here that is ours by its name, issuers included that are no longer
    /// configured. Returns how many issuers had keys.
    pub fn forget_all(&self) -> Result<usize, StoreError> {
        let mut forgotten = 0;
        let failed = |error| StoreError::Io {
            path: self.path.clone(),
            error,
        };
        for entry in self.path.read_dir().map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let Some(kind) = Path::new(&name).extension() else {
                continue;
            };
            if kind == "keys" || kind == "asked" {
                forgotten += usize::from(kind == "keys");
                rustix::fs::unlinkat(&self.directory, &name, AtFlags::empty())
                    .map_err(|errno| io_error(&self.path.join(&name), errno))?;
            }
        }
        Ok(forgotten)
    }

    /// Waits for its turn to ask the issuer; the turn ends when the value is dropped, or with the
    /// process. `waited` is the most it takes.
    pub fn turn(&self, issuer: &str, waited: Duration) -> Result<Turn, NoTurn> {
        let others = || {
            NoTurn::OthersAreAsking(KeySourceError::OthersAreAsking {
                issuer: issuer.to_owned(),
                waited,
            })
        };
        let name = name(issuer, "lock");
        let failed = |errno| NoTurn::NoLock(io_error(&self.path.join(&name), errno));
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = rustix::fs::openat(&self.directory, &name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(failed)?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Turn { _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(errno) => return Err(failed(errno)),
        }
        // flock knows no deadline; a thread that waits for ever ends with the process
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            if rustix::fs::flock(&lock, FlockOperation::LockExclusive).is_ok() {
                let _ = sender.send(Turn { _lock: lock });
            }
        });
        receiver.recv_timeout(waited).map_err(|_| others())
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(&self.directory, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(io_error(&self.path.join(name), errno).to_string()),
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

    /// Whoever reads sees the old content or the new one.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let failed = |errno| io_error(&self.path.join(name), errno);
        // writers take turns, but a killed one may have left its file
        let unfinished = format!("{name}.{}", std::process::id());
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let fd = rustix::fs::openat(&self.directory, &unfinished, flags, mode).map_err(failed)?;
        let written = File::from(fd)
            .write_all(bytes)
            .map_err(|error| StoreError::Io {
                path: self.path.join(&unfinished),
                error,
            })
            .and_then(|()| {
                rustix::fs::renameat(&self.directory, &unfinished, &self.directory, name)
                    .map_err(failed)
            });
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&self.directory, &unfinished, AtFlags::empty());
        }
        written
    }
}

/// While it lives, nobody else asks this issuer.
pub struct Turn {
    _lock: OwnedFd,
}

/// Why there is no turn.
#[derive(Debug)]
pub enum NoTurn {
    /// Somebody else had it all the time.
    OthersAreAsking(KeySourceError),
    /// Nobody can take turns here (read-only, no inodes left, forbidden by SELinux). That says
    /// nothing of others, and nothing of the provider.
    NoLock(StoreError),
}

/// Fails for an account that other programs share.
pub(super) fn judge_account(uid: u32) -> Result<(), StoreError> {
    match uid == NOBODY.0 || Some(uid) == uid_of_nobody() {
        true => Err(StoreError::Nobody),
        false => Ok(()),
    }
}

fn judge(stat: &Stat, path: &Path, ourselves: u32) -> Result<(), StoreError> {
    judge_account(ourselves)?;
    if stat.st_uid != ourselves {
        return Err(StoreError::Owner {
            path: path.to_owned(),
            uid: stat.st_uid,
            ourselves,
        });
    }
    let mode = stat.st_mode & 0o777;
    if mode & 0o077 != 0 {
        return Err(StoreError::Mode {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

/// Some systems give that name another number.
fn uid_of_nobody() -> Option<u32> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == NOBODY.1).then(|| fields.nth(1)?.parse().ok())?
    })
}

/// An issuer's name has slashes and any length.
fn name(issuer: &str, kind: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, issuer.as_bytes());
    format!("{}.{kind}", URL_SAFE_NO_PAD.encode(digest))
}

fn io_error(path: &Path, errno: rustix::io::Errno) -> StoreError {
    StoreError::Io {
        path: path.to_owned(),
        error: errno.into(),
    }
}

#[cfg(test)]
mod tests;
