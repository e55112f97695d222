//! Replaces a file that decides who can log in: under a lock, and atomically.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use opkssh_files::Writer;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::account;
use crate::admin_error::AdminError;
use crate::etc::{self, ACCOUNT, AUTH_ID, PROVIDERS, REVOKED};
use crate::home;

/// Name of the lock file: anybody who can list the directory could hold a lock on the directory
/// itself.
const LOCK: &str = ".opkssh.lock";
/// Time limit for another `add` or `revoke`.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Owner and mode of a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewFile {
    /// A file in a home directory: mode 0600, owned by this account.
    Private,
    /// A policy file: mode 0640, with the group of the files beside it.
    Shared,
}

/// Locks the directory of `path` against other `add` and `revoke` commands until the result is
/// dropped. Waits 10 seconds; then fails with `TimedOut` and names the lock file.
pub fn lock(path: &Path) -> io::Result<File> {
    lock_within(path, LOCK_TIMEOUT)
}

/// Returns the error of a file that could not be locked or replaced.
pub fn failure(path: &Path, what: String) -> impl FnOnce(io::Error) -> AdminError {
    move |error| {
        let is_locked = error.kind() == io::ErrorKind::TimedOut;
        let lock = directory(path).join(LOCK);
        AdminError::new(format!("{what}: {error}")).with_hint(match is_locked {
            true => Some(format!("run: sudo fuser -v {}", lock.display())),
            false => etc::hint_for_change(path, &error),
        })
    }
}

/// Replaces the file, keeping mode and owner. Does not replace a symlink.
pub fn replace(path: &Path, bytes: &[u8], new: NewFile) -> io::Result<()> {
    let new = match new {
        NewFile::Private => Writer::exact(home::MODE),
        NewFile::Shared if path.symlink_metadata().is_ok() => Writer::exact(REVOKED.mode),
        NewFile::Shared => {
            let ourselves = rustix::process::geteuid().as_raw();
            Writer::exact(REVOKED.mode).owned_by(ourselves, group_of_verify(directory(path))?)
        }
    };
    new.keeping_mode_and_owner()
        .refusing_symlinks()
        .replace(path, bytes)
}

fn lock_within(path: &Path, timeout: Duration) -> io::Result<File> {
    let path = directory(path).join(LOCK);
    let flags =
        OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let lock = File::from(rustix::fs::open(&path, flags, Mode::from_raw_mode(0o600))?);
    let found = lock.metadata()?;
    let ourselves = rustix::process::geteuid().as_raw();
    if ![0, ourselves].contains(&found.uid()) || found.mode() & 0o077 != 0 {
        let reason = format!(
            "others can hold the lock {path}: remove it",
            path = path.display()
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    }
    let start = Instant::now();
    loop {
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(lock),
            Err(Errno::WOULDBLOCK | Errno::INTR) if start.elapsed() < timeout => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(Errno::WOULDBLOCK | Errno::INTR) => {
                let reason = format!(
                    "another opkssh has held the lock {} for {} s",
                    path.display(),
                    timeout.as_secs()
                );
                return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Returns the group of verify. Go's documentation gives the directory to root's group, and the
/// files to verify's.
fn group_of_verify(directory: &Path) -> io::Result<u32> {
    let by_sibling = [&AUTH_ID, &PROVIDERS]
        .into_iter()
        .filter_map(|entry| fs::metadata(entry.path_in(directory)).ok())
        .find(|file| file.mode() & 0o040 != 0 && file.gid() != 0)
        .map(|file| file.gid());
    // only root can set any group
    let is_root = rustix::process::geteuid().is_root();
    let group = by_sibling.or_else(|| is_root.then(|| account::find_group(ACCOUNT))?);
    match group {
        Some(gid) => Ok(gid),
        None => Ok(fs::metadata(directory)?.gid()),
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

#[cfg(test)]
mod tests;
