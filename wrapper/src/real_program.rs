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
mod tests;
