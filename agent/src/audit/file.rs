//! The file of the audit log, and the full ones beside it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

use opkssh_protocol::audit::{MAX_FILE, MAX_FULL, full_file};

/// Appends to the file. Opens it each time, so that the person may move or remove it.
pub struct AuditFile {
    path: PathBuf,
    max: u64,
}

impl AuditFile {
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            max: MAX_FILE,
        }
    }

    #[cfg(test)]
    pub fn with_size(path: PathBuf, max: u64) -> Self {
        Self { path, max }
    }

    pub fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Appends whole lines, all or none of them.
    pub fn append(&self, lines: &[u8]) -> io::Result<()> {
        let mut file = self.open()?;
        let mut length = file.metadata()?.len();
        let more = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        if length > 0 && length.saturating_add(more) > self.max {
            self.rotate()?;
            file = self.open()?;
            length = file.metadata()?.len();
        }
        let written = end_line(&mut file).and_then(|()| file.write_all(lines));
        if written.is_err() {
            let _ = file.set_len(length);
        }
        written
    }

    fn open(&self) -> io::Result<File> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            // a named pipe in its place must not block
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
            .open(&self.path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("not a file"));
        }
        if found.permissions().mode() & 0o777 != 0o600 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(file)
    }

    /// Makes place for a new file: each full one gets the next number, and the oldest goes.
    fn rotate(&self) -> io::Result<()> {
        for n in (1..MAX_FULL).rev() {
            let (from, to) = (full_file(&self.path, n), full_file(&self.path, n + 1));
            match fs::rename(from, to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, full_file(&self.path, 1))
    }
}

/// Ends a line that a crash left unfinished.
fn end_line(file: &mut File) -> io::Result<()> {
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(-1)).is_ok() {
        file.read_exact(&mut last)?;
    }
    match last {
        [b'\n'] => Ok(()),
        _ => file.write_all(b"\n"),
    }
}
