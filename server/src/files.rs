//! Reads files that decide who can log in: opens a file once, checks owner and mode of the open
//! handle, and then reads it, so that it cannot be swapped in between.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use memchr::memrchr;
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

/// Largest file, in bytes.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// Read size of [`read_lines`], in bytes.
const PIECE: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// root, or the account of this process.
    RootOrOurselves,
    User(u32),
    /// Anybody: for a file whose contents are only shown.
    Anybody,
}

/// Conditions for trusting a file.
#[derive(Debug, Clone, Copy)]
pub struct FileConditions {
    pub owner: Owner,
    /// Permission bits that may be set.
    pub mode: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{path}: {error}", path = path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{path} is a symlink, or in a directory that is one", path = .0.display())]
    Symlink(PathBuf),
    #[error("{path} is not a regular file", path = .0.display())]
    NotAFile(PathBuf),
    #[error(
        "{path} has insecure permissions: expected one of the following permissions [{allowed:o}], \
         got ({mode:o})",
        path = path.display()
    )]
    Mode {
        path: PathBuf,
        mode: u32,
        allowed: u32,
    },
    #[error("{path} has the wrong owner: expected {expected}, got uid {uid}", path = path.display())]
    Owner {
        path: PathBuf,
        expected: String,
        uid: u32,
    },
    #[error("{path} is larger than {MAX_BYTES} bytes", path = .0.display())]
    Size(PathBuf),
}

impl FileError {
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }

    /// Returns true if the file is readable, but others could have changed it.
    pub fn is_distrust(&self) -> bool {
        matches!(self, Self::Mode { .. } | Self::Owner { .. })
    }

    pub fn is_permission_denied(&self) -> bool {
        matches!(self, Self::Io { error, .. } if error.kind() == io::ErrorKind::PermissionDenied)
    }
}

impl FileConditions {
    /// Any owner and mode, for a file whose contents are only shown.
    pub const NONE: Self = Self {
        owner: Owner::Anybody,
        mode: 0o777,
    };
}

/// Reads a file that meets the conditions. Follows symlinks and checks the target.
pub fn read(path: &Path, demands: FileConditions) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    read_lines(path, demands, |lines| bytes.extend_from_slice(lines))?;
    Ok(bytes)
}

/// Reads in pieces of whole lines, which saves memory and time for large files; otherwise like
/// [`read`]. After an error, the caller must discard earlier pieces.
pub fn read_lines(
    path: &Path,
    demands: FileConditions,
    take: impl FnMut(&[u8]),
) -> Result<(), FileError> {
    let fd = rustix::fs::open(path, READ, Mode::empty()).map_err(|errno| failed(path, errno))?;
    read_open(fd, path, demands, take)
}

/// Reads like [`read`]; `None` if the path does not exist. A dangling symlink is an error.
pub fn read_if_there(path: &Path, demands: FileConditions) -> Result<Option<Vec<u8>>, FileError> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => read(path, demands).map(Some),
    }
}

/// Reads `path` below `base`. No part of the path after `base` may be a symlink.
pub fn read_beneath(
    base: &Path,
    path: &Path,
    demands: FileConditions,
) -> Result<Vec<u8>, FileError> {
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut fd =
        rustix::fs::open(base, step, Mode::empty()).map_err(|errno| failed(path, errno))?;
    let beneath = path.strip_prefix(base).unwrap_or(path);
    let mut names = beneath.iter().peekable();
    while let Some(name) = names.next() {
        let flags = if names.peek().is_some() { step } else { READ };
        fd = rustix::fs::openat(&fd, name, flags | OFlags::NOFOLLOW, Mode::empty())
            .map_err(|errno| failed_beneath(path, errno))?;
    }
    let mut bytes = Vec::new();
    read_open(fd, path, demands, |lines| bytes.extend_from_slice(lines))?;
    Ok(bytes)
}

/// Checks an open file by its handle.
pub fn check_owner_and_mode(
    stat: &Stat,
    path: &Path,
    demands: FileConditions,
) -> Result<(), FileError> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(FileError::NotAFile(path.to_owned()));
    }
    let mode = stat.st_mode & 0o777;
    if mode & !demands.mode != 0 {
        return Err(FileError::Mode {
            path: path.to_owned(),
            mode,
            allowed: demands.mode,
        });
    }
    let expected = match demands.owner {
        Owner::RootOrOurselves => {
            let ourselves = rustix::process::geteuid().as_raw();
            if stat.st_uid == 0 || stat.st_uid == ourselves {
                return Ok(());
            }
            "root".to_owned()
        }
        Owner::Anybody => return Ok(()),
        Owner::User(uid) if stat.st_uid == uid => return Ok(()),
        Owner::User(uid) => format!("uid {uid}"),
    };
    Err(FileError::Owner {
        path: path.to_owned(),
        expected,
        uid: stat.st_uid,
    })
}

/// Non-blocking: opening a FIFO must not wait for a writer.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

fn read_open(
    fd: OwnedFd,
    path: &Path,
    demands: FileConditions,
    mut take: impl FnMut(&[u8]),
) -> Result<(), FileError> {
    let stat = rustix::fs::fstat(&fd).map_err(|errno| failed(path, errno))?;
    check_owner_and_mode(&stat, path, demands)?;
    let (mut file, mut size) = (File::from(fd), 0);
    // the start of a line whose end has not been read yet
    let mut lines = Vec::with_capacity(2 * PIECE);
    loop {
        let piece = (&mut file).take(PIECE as u64).read_to_end(&mut lines);
        let piece = piece.map_err(|error| failed(path, error))?;
        size += piece as u64;
        if size > MAX_BYTES {
            return Err(FileError::Size(path.to_owned()));
        }
        if piece == 0 {
            take(&lines);
            return Ok(());
        }
        if let Some(end) = memrchr(b'\n', &lines) {
            take(&lines[..=end]);
            lines.drain(..=end);
        }
    }
}

fn failed(path: &Path, error: impl Into<io::Error>) -> FileError {
    FileError::Io {
        path: path.to_owned(),
        error: error.into(),
    }
}

/// Recognizes a symlink: `O_NOFOLLOW` reports ELOOP, or ENOTDIR with `O_DIRECTORY`.
fn failed_beneath(path: &Path, errno: Errno) -> FileError {
    match errno {
        Errno::LOOP | Errno::NOTDIR => FileError::Symlink(path.to_owned()),
        other => failed(path, other),
    }
}

#[cfg(test)]
mod tests;
