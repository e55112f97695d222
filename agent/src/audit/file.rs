//! The file of the audit log, and the full ones beside it.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

use opkssh_protocol::audit::{MAX_FILE, MAX_FULL, full_file};
use rustix::fs::OFlags;
use rustix::io::Errno;

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
            .custom_flags((OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed())
            .open(&self.path)
            .map_err(|error| match Errno::from_io_error(&error) {
                Some(Errno::LOOP) => io::Error::other("is a symbolic link"),
                _ => error,
            })?;
        let found = file.metadata()?;
        check(&found, rustix::process::geteuid().as_raw())?;
        if found.permissions().mode() & 0o777 != 0o600 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(file)
    }

    /// Renames each full file to the next number and deletes the oldest.
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

/// Fails if this is not a regular file of the owner.
fn check(found: &Metadata, owner: u32) -> io::Result<()> {
    if !found.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    if found.uid() != owner {
        return Err(io::Error::other("belongs to another user"));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_of_the_owner_is_appended_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let refused = || {
            let audit = AuditFile::new(path.clone());
            audit.append(b"{}\n").unwrap_err().to_string()
        };
        let target = directory.path().join("target");
        fs::write(&target, "kept").unwrap();
        fs::set_permissions(&target, Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        assert_eq!(refused(), "is a symbolic link");
        assert_eq!(fs::read_to_string(&target).unwrap(), "kept");
        let found = fs::metadata(&target).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o644);
        let others = check(&found, found.uid() + 1).unwrap_err();
        assert_eq!(others.to_string(), "belongs to another user");
        fs::remove_file(&path).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        assert_eq!(refused(), "is not a regular file");
    }
}
