//! Applies one step. Files are opened once and changed through the handle.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use super::{Action, open_to_others};
use crate::account;

#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("{action}: {}", std::io::Error::from(*errno))]
    System { action: String, errno: Errno },
    #[error("chown {path}: group: unknown group {group}")]
    Group { path: String, group: String },
    #[error("{0}: neither a regular file nor a directory")]
    Kind(String),
    #[error("{0} is a symlink: set mode and owner of what it leads to yourself")]
    Symlink(String),
    #[error("{0}: the file has other names, so it may be another's")]
    Linked(String),
    #[error("{0} could be changed by others than root: review its contents")]
    Open(String),
}

/// Applies the step.
pub fn apply(action: &Action) -> Result<(), ApplyError> {
    let failed = |errno| ApplyError::System {
        action: action.to_string(),
        errno,
    };
    match action {
        Action::Create(path, mode) => {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let mode = Mode::from_raw_mode(*mode);
            rustix::fs::open(path, flags, mode)
                .map(drop)
                .map_err(failed)
        }
        Action::Directory(path, mode) => {
            rustix::fs::mkdir(path, Mode::from_raw_mode(*mode)).map_err(failed)
        }
        Action::Mode(path, mode) => {
            let file = open(path, action)?;
            rustix::fs::fchmod(file, Mode::from_raw_mode(*mode)).map_err(failed)
        }
        Action::Owner(path, group) => {
            let gid = account::find_group(group).ok_or_else(|| ApplyError::Group {
                path: path.display().to_string(),
                group: group.clone(),
            })?;
            let file = open(path, action)?;
            rustix::fs::fchown(file, Some(Uid::ROOT), Some(Gid::from_raw(gid))).map_err(failed)
        }
    }
}

/// Opens a regular file or a directory without other names: a hard link planted in the directory
/// must not give another file to the group.
fn open(path: &Path, action: &Action) -> Result<OwnedFd, ApplyError> {
    let failed = |errno| ApplyError::System {
        action: action.to_string(),
        errno,
    };
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let name = || path.display().to_string();
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::LOOP => ApplyError::Symlink(name()),
        errno => failed(errno),
    })?;
    let stat = rustix::fs::fstat(&file).map_err(failed)?;
    // it was like this when the step was planned, so that nobody can put another file in its place
    if open_to_others(&stat) {
        return Err(ApplyError::Open(name()));
    }
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile if stat.st_nlink > 1 => Err(ApplyError::Linked(name())),
        FileType::RegularFile | FileType::Directory => Ok(file),
        _ => Err(ApplyError::Kind(name())),
    }
}
