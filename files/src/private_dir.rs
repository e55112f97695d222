//! Directories that only this user can enter.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A directory that cannot be a private one.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct DirectoryError {
    /// The directory.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: DirectoryProblem,
}

/// What is wrong with a directory.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryProblem {
    /// It cannot be created or looked at.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Another user owns it.
    #[error("it belongs to another user (uid {0})")]
    Owner(u32),
    /// Another kind of file has the path, also a link to a directory.
    #[error("it is not a directory")]
    NotADirectory,
    /// Its contents may be other users'.
    #[error("other users can write to it")]
    Writable,
}

/// Creates the directory `path`, and those above it, with mode 0700. One that is there is left as
/// it is.
pub fn create_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Creates the directory `path` with mode 0700, or takes access from other users. Fails if it is
/// not this user's, or others could write to it.
pub fn make_private(path: &Path) -> Result<(), DirectoryError> {
    make(path).map_err(|problem| DirectoryError {
        path: path.to_owned(),
        problem,
    })
}

/// Creates a directory with mode 0700 and a name of its own, which begins with `prefix`, in
/// `parent`. It goes away with the value.
pub fn fresh_private(parent: &Path, prefix: &str) -> io::Result<TempDir> {
    let mode = Permissions::from_mode(0o700);
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).permissions(mode).tempdir_in(parent)
}

/// Fails if other users could replace this user's files in the directory `path`: it and all above
/// it must be this user's or root's, and closed to others or sticky, as /tmp is.
pub fn check_closed(path: &Path) -> Result<(), DirectoryError> {
    let failed = |path: &Path, problem| DirectoryError {
        path: path.to_owned(),
        problem,
    };
    let real = path.canonicalize();
    let real = real.map_err(|error| failed(path, error.into()))?;
    let mut all = real.ancestors();
    all.try_for_each(|path| check_one_closed(path).map_err(|problem| failed(path, problem)))
}

fn check_one_closed(path: &Path) -> Result<(), DirectoryProblem> {
    let found = path.metadata()?;
    if !found.is_dir() {
        return Err(DirectoryProblem::NotADirectory);
    }
    if ![0, rustix::process::geteuid().as_raw()].contains(&found.uid()) {
        return Err(DirectoryProblem::Owner(found.uid()));
    }
    match found.mode() {
        mode if mode & 0o022 != 0 && mode & 0o1000 == 0 => Err(DirectoryProblem::Writable),
        _ => Ok(()),
    }
}

fn make(path: &Path) -> Result<(), DirectoryProblem> {
    create_private(path)?;
    let found = path.symlink_metadata()?;
    if !found.is_dir() {
        return Err(DirectoryProblem::NotADirectory);
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(DirectoryProblem::Owner(found.uid()));
    }
    if found.mode() & 0o022 != 0 {
        return Err(DirectoryProblem::Writable);
    }
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
