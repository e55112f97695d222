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
use crate::etc::{ACCOUNT, AUTH_ID, PROVIDERS, REVOKED};
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
        AdminError::new(format!("{what}: {error}"))
            .with_hint(is_locked.then(|| format!("Run: sudo fuser -v {}", lock.display())))
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

fn lock_within(path: &Path, patience: Duration) -> io::Result<File> {
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
            Err(Errno::WOULDBLOCK | Errno::INTR) if start.elapsed() < patience => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(Errno::WOULDBLOCK | Errno::INTR) => {
                let reason = format!(
                    "another opkssh has held the lock {} for {} s",
                    path.display(),
                    patience.as_secs()
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
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    #[test]
    fn a_new_file_is_of_the_group_that_reads_those_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let sibling = directory.path().join("auth_id");
        fs::write(&sibling, "").unwrap();
        fs::set_permissions(&sibling, Permissions::from_mode(0o640)).unwrap();
        if rustix::process::geteuid().is_root() {
            chown(&sibling, None, Some(54_321)).unwrap();
        }
        let path = directory.path().join("revoked.yml");
        replace(&path, b"x", NewFile::Shared).unwrap();
        let (made, known) = (path.metadata().unwrap(), sibling.metadata().unwrap());
        assert_eq!((made.gid(), made.mode() & 0o777), (known.gid(), 0o640));
        replace(&directory.path().join("home"), b"x", NewFile::Private).unwrap();
        let made = directory.path().join("home").metadata().unwrap();
        assert_eq!(made.mode() & 0o777, 0o600);
    }

    #[test]
    fn a_symlink_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let (real, link) = (directory.path().join("real"), directory.path().join("link"));
        fs::write(&real, "before").unwrap();
        symlink(&real, &link).unwrap();
        let error = replace(&link, b"after", NewFile::Shared).unwrap_err();
        assert!(error.to_string().contains("symlink"), "{error}");
        assert!(link.is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"before");
    }

    #[test]
    fn who_can_only_list_the_directory_cannot_hold_anybody_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("revoked.yml");
        let theirs = File::open(directory.path()).unwrap();
        rustix::fs::flock(&theirs, FlockOperation::LockExclusive).unwrap();
        let held = lock_within(&path, Duration::ZERO).unwrap();
        let mode = directory.path().join(LOCK).metadata().unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = lock_within(&path, Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().contains(LOCK), "{error}");
        drop(held);
        lock_within(&path, Duration::ZERO).unwrap();
    }

    #[test]
    fn a_lock_that_others_can_hold_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let lock = directory.path().join(LOCK);
        fs::write(&lock, "").unwrap();
        fs::set_permissions(&lock, Permissions::from_mode(0o644)).unwrap();
        let error = lock_within(&directory.path().join("x"), LOCK_TIMEOUT).unwrap_err();
        assert!(error.to_string().contains("remove it"), "{error}");
    }
}
