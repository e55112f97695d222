//! Files that only this user can read, each written in one step.

use std::io;
use std::path::Path;

use opkssh_files::Writer;

pub use opkssh_files::remove;

/// Replaces the file; it is on disk when this returns.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    Writer::private().replace(path, bytes)
}

/// As [`replace`], but an error if there is such a file already.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    Writer::private().create(path, bytes)
}
