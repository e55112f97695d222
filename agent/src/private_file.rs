//! Writing a file in one step: after a crash there is the old one or the new one, and nobody but
//! this user ever sees either.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// Replaces the file; it is on disk when this returns.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    // created 0600 from the start
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(directory)?.sync_all()
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
