//! Finds the program that the wrapper becomes.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use opkssh_client::ClientError;

/// Returns the first executable `name` in `path` that is not this program: if this program is
/// linked under that name, the wrapper would run itself for ever.
pub fn real_program(
    name: &str,
    path: &OsStr,
    this_program: Option<&Path>,
) -> Result<PathBuf, ClientError> {
    let ours = this_program.and_then(identity);
    std::env::split_paths(path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|candidate| {
            rustix::fs::access(candidate, rustix::fs::Access::EXEC_OK).is_ok()
                && candidate.is_file()
                && (ours.is_none() || identity(candidate) != ours)
        })
        .ok_or_else(|| {
            let hint = format!("install OpenSSH's client, or add {name} to PATH");
            ClientError::new(format!("{name} is not in PATH"), hint)
        })
}

/// Returns the file's device and inode.
fn identity(file: &Path) -> Option<(u64, u64)> {
    let found = std::fs::metadata(file).ok()?;
    Some((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn neither_ourselves_nor_what_cannot_run_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let file = |name: &str, mode| {
            let file = root.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "#!/bin/sh\n").unwrap();
            fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
            file
        };
        let ours = file("bin/opkssh", 0o755);
        fs::create_dir_all(root.path().join("a")).unwrap();
        symlink(&ours, root.path().join("a/ssh")).unwrap();
        fs::create_dir_all(root.path().join("b")).unwrap();
        fs::hard_link(&ours, root.path().join("b/ssh")).unwrap();
        fs::create_dir_all(root.path().join("c/ssh")).unwrap();
        file("d/ssh", 0o644);
        let real = file("e/ssh", 0o755);
        let path = ["a", "b", "c", "d", "missing", "e"].map(|name| root.path().join(name));
        let path = std::env::join_paths(path).unwrap();
        assert_eq!(real_program("ssh", &path, Some(&ours)).ok(), Some(real));
        let error = real_program("ssh", OsStr::new(""), Some(&ours)).unwrap_err();
        assert_eq!(error.to_string(), "ssh is not in PATH");
    }
}
