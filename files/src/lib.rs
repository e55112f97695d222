//! Writing a file in one step: after a crash there is the old file or the new one, whole, and it has
//! its final owner and mode from the moment that it has its name. And directories of one user's own.

mod private_dir;

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tempfile::NamedTempFile;
pub use tempfile::TempDir;

pub use private_dir::{
    DirectoryError, DirectoryProblem, check_closed, create_private, fresh_private, make_private,
};

/// Prefix of the unfinished file. None of sshd, sudo and systemd reads such a name.
const PREFIX: &str = ".opkssh-";

/// Opens a file for reading; fails for anything but a regular file, without waiting for it.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        // a named pipe in its place must not block
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other(format!(
            "{} is not a regular file",
            path.display()
        ))),
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub struct Writer {
    mode: u32,
    /// True if the process's umask takes bits from the mode.
    umask_applies: bool,
    owner: Option<(u32, u32)>,
    existing: Existing,
    symlink: Symlink,
}

/// Which mode and owner a file has that takes another's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Existing {
    /// The writer's.
    Forgotten,
    /// The mode of the earlier file; the owner is this process's.
    KeepsMode,
    /// The mode and owner of the earlier file.
    KeepsAll,
}

/// What happens where the path is a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symlink {
    /// The link itself is replaced.
    Replaced,
    /// The file that it leads to is replaced.
    Followed,
    /// Nothing is written.
    Refused,
}

impl Writer {
    /// Returns a writer of files that only this user can read.
    pub const fn private() -> Self {
        Self::exact(0o600)
    }

    /// Returns a writer of a person's own configuration: it keeps the mode of the file that is there
    /// and goes through a symbolic link, which dotfile managers use.
    pub const fn dotfile() -> Self {
        Self {
            existing: Existing::KeepsMode,
            symlink: Symlink::Followed,
            ..Self::private()
        }
    }

    /// Returns a writer of files with just this mode.
    pub const fn exact(mode: u32) -> Self {
        Self {
            umask_applies: false,
            ..Self::less_umask(mode)
        }
    }

    /// Returns a writer of files with this mode less the umask.
    pub const fn less_umask(mode: u32) -> Self {
        Self {
            mode,
            umask_applies: true,
            owner: None,
            existing: Existing::Forgotten,
            symlink: Symlink::Replaced,
        }
    }

    /// Gives the file to this user and group.
    pub const fn owned_by(self, uid: u32, gid: u32) -> Self {
        Self {
            owner: Some((uid, gid)),
            ..self
        }
    }

    /// Keeps the mode and owner of a file that is replaced.
    pub const fn keeping_mode_and_owner(self) -> Self {
        Self {
            existing: Existing::KeepsAll,
            ..self
        }
    }

    /// Fails where the path is a symbolic link.
    pub const fn refusing_symlinks(self) -> Self {
        Self {
            symlink: Symlink::Refused,
            ..self
        }
    }

    /// Writes the file, in place of one that is there. It is on disk when this returns.
    pub fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let path = &self.target(path)?;
        let earlier = match (self.existing, std::fs::symlink_metadata(path)) {
            (Existing::Forgotten, _) => None,
            // a link has no mode of its own
            (_, Ok(earlier)) => Some(earlier).filter(|earlier| !earlier.is_symlink()),
            (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => None,
            (_, Err(error)) => return Err(error),
        };
        self.written(path, bytes, earlier.as_ref())?.persist(path)?;
        sync_directory(path)
    }

    /// Writes the file if there is none. It is on disk when this returns.
    ///
    /// # Errors
    /// `AlreadyExists` when there is anything of this name; it is left alone.
    pub fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.written(path, bytes, None)?.persist_noclobber(path)?;
        sync_directory(path)
    }

    /// Fails if [`Self::replace`] would, as far as that can be known without changing anything: the
    /// directory takes no file of this many bytes, or there is a directory at `path`.
    pub fn try_out(&self, path: &Path, bytes: usize) -> io::Result<()> {
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.written(path, &vec![0; bytes], None).map(drop)
    }

    fn target(&self, path: &Path) -> io::Result<PathBuf> {
        match self.symlink {
            Symlink::Refused if path.is_symlink() => {
                Err(io::Error::other("it is a symlink, and would not be one"))
            }
            Symlink::Followed => Ok(std::fs::canonicalize(path).unwrap_or(path.to_owned())),
            Symlink::Refused | Symlink::Replaced => Ok(path.to_owned()),
        }
    }

    fn written(
        &self,
        path: &Path,
        bytes: &[u8],
        earlier: Option<&Metadata>,
    ) -> io::Result<NamedTempFile> {
        let written = self.write_temporary(path, bytes, earlier);
        written.map_err(in_words)
    }

    /// Returns a complete file beside `path` that goes away unless it gets its name.
    fn write_temporary(
        &self,
        path: &Path,
        bytes: &[u8],
        earlier: Option<&Metadata>,
    ) -> io::Result<NamedTempFile> {
        let kept = earlier.map(|earlier| earlier.mode() & 0o777);
        let owner = match self.existing {
            Existing::KeepsAll => earlier.map(|earlier| (earlier.uid(), earlier.gid())),
            Existing::KeepsMode | Existing::Forgotten => None,
        };
        let mode = kept.unwrap_or(self.mode);
        let is_exact = kept.is_some() || !self.umask_applies;
        // nobody else can open it before it has its owner
        let first = if is_exact { 0o600 } else { mode };
        let mut file = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(first))
            .tempfile_in(directory(path))?;
        if let Some((uid, gid)) = owner.or(self.owner) {
            let made = file.as_file().metadata()?;
            if (made.uid(), made.gid()) != (uid, gid) {
                fchown(file.as_file(), Some(uid), Some(gid))?;
            }
        }
        if is_exact {
            file.as_file()
                .set_permissions(Permissions::from_mode(mode))?;
        }
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    }
}

/// Removes the file for good; one that is not there is fine.
pub fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        // also if it is gone: a crash may have come between the two
        _ => {}
    }
    match sync_directory(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        synced => synced,
    }
}

/// Returns the error with plain words for a full disk and a used up quota.
pub fn in_words(error: io::Error) -> io::Error {
    let words = match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full",
        io::ErrorKind::QuotaExceeded => "the disk quota is used up",
        _ => return error,
    };
    io::Error::new(error.kind(), words)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match File::open(directory(path))?.sync_all() {
        // some filesystems cannot
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if directory != Path::new("") => directory,
        Some(_) => Path::new("."),
        None => Path::new("/"),
    }
}

#[cfg(test)]
mod tests;
