//! Writing a file in one step, with its final mode: nobody ever sees half of one.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

/// Replaces `file`, keeping its mode (0600 if it is new); through a symbolic link, which dotfile
/// managers use.
pub fn replace_file(file: &Path, text: &[u8]) -> io::Result<()> {
    let target = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let mode = match std::fs::metadata(&target) {
        Ok(found) => found.permissions(),
        Err(_) => Permissions::from_mode(0o600),
    };
    let new = written_beside(&target, text, mode.clone())?;
    // the umask had its say when it was made; the old file's mode counts
    new.as_file().set_permissions(mode)?;
    new.persist(&target)?;
    Ok(())
}

/// Creates `file` with this mode less the umask.
///
/// # Errors
/// `AlreadyExists` when there is anything of this name; it is left alone.
pub fn create_file(file: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    written_beside(file, text, Permissions::from_mode(mode))?.persist_noclobber(file)?;
    Ok(())
}

/// A new file in the directory of `file`, safe on disk, that goes away unless it is made to stay.
fn written_beside(file: &Path, text: &[u8], mode: Permissions) -> io::Result<NamedTempFile> {
    let directory = match file.parent() {
        Some(directory) if directory.as_os_str().is_empty() => Path::new("."),
        Some(directory) => directory,
        None => return Err(io::Error::other("it has no directory")),
    };
    let mut new = tempfile::Builder::new()
        .prefix(".opkssh-")
        .permissions(mode)
        .tempfile_in(directory)?;
    new.write_all(text)?;
    new.as_file().sync_all()?;
    Ok(new)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(file: &Path) -> u32 {
        std::fs::metadata(file).unwrap().permissions().mode() & 0o777
    }

    /// Who has the old file open goes on reading the old text: it was not written over.
    #[test]
    fn a_file_is_replaced_whole_with_its_mode_through_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        replace_file(&file, b"first").unwrap();
        assert_eq!(mode(&file), 0o600);
        std::fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
        symlink(&file, &link).unwrap();
        let before = std::fs::File::open(&file).unwrap();
        replace_file(&link, b"second").unwrap();
        assert_eq!(io::read_to_string(before).unwrap(), "first");
        assert_eq!(std::fs::read(&file).unwrap(), b"second");
        assert_eq!(mode(&file), 0o666);
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_is_there_is_never_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        create_file(&file, b"first", 0o644).unwrap();
        assert_eq!(mode(&file) & !0o644, 0);
        let dangling = directory.path().join("dangling");
        symlink("gone", &dangling).unwrap();
        for there in [&file, &dangling] {
            let error = create_file(there, b"second", 0o644).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        }
        assert_eq!(std::fs::read(&file).unwrap(), b"first");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
