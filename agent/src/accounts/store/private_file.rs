//! Writing a file in one step: after a crash there is the old one or the new one, and nobody but
//! this user ever sees either.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

/// Replaces the file; it is on disk when this returns.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    written(path, bytes)?.persist(path)?;
    sync_directory(path)
}

/// As [`replace`], but an error if there is such a file already.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    written(path, bytes)?.persist_noclobber(path)?;
    sync_directory(path)
}

/// Removes the file for good; one that is not there is fine.
pub fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match path.parent() {
        // nothing was ever written there
        Some(directory) if directory.exists() => File::open(directory)?.sync_all(),
        _ => Ok(()),
    }
}

/// A file beside `path`, on disk.
fn written(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    // created 0600 from the start
    let mut file = NamedTempFile::new_in(directory(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

fn directory(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}
