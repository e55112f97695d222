//! Changing a file that decides who gets in: under a lock, and replaced in one step.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use rustix::fs::FlockOperation;

/// What a file is like that was not there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum New {
    /// 0600 and ours.
    Private,
    /// 0640 and of its directory's group, so that sshd's command can read it.
    Shared,
}

/// Locks the directory of `path` for as long as the result lives; waits for others.
pub fn lock(path: &Path) -> io::Result<File> {
    let lock = File::open(directory(path))?;
    rustix::fs::flock(&lock, FlockOperation::LockExclusive)?;
    Ok(lock)
}

/// Replaces the file. Mode and owner are those of the one that is there.
pub fn replace(path: &Path, bytes: &[u8], new: New) -> io::Result<()> {
    let directory = directory(path);
    let (mode, owner) = match fs::symlink_metadata(path) {
        Ok(known) => (known.mode() & 0o777, Some((known.uid(), known.gid()))),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) if new == New::Private => (0o600, None),
        Err(_) => {
            let ourselves = rustix::process::geteuid().as_raw();
            (0o640, Some((ourselves, fs::metadata(directory)?.gid())))
        }
    };
    let mut file = tempfile::Builder::new()
        .prefix(".opkssh.")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(directory)?;
    if let Some((uid, gid)) = owner {
        let made = file.as_file().metadata()?;
        if (made.uid(), made.gid()) != (uid, gid) {
            fchown(file.as_file(), Some(uid), Some(gid))?;
        }
    }
    file.as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn directory(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}
