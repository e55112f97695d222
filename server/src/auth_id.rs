//! Changes a file of rows: the system's `auth_id` or, if that cannot be read, an account's own.

use std::fmt::Display;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::account::{self, Account};
use crate::admin_error::AdminError;
use crate::etc::{self, AUTH_ID};
use crate::files::FileError;
use crate::home;
use crate::rewrite;

// no doc comment: clap would use it as the help of the command
#[derive(Debug, Clone, clap::Args)]
pub struct RowArgs {
    /// Directory of auth_id
    #[arg(long, value_name = "DIR", default_value = etc::DIRECTORY)]
    pub etc: PathBuf,
    /// Local account to log in to
    pub principal: String,
    /// Mail address, subject, or group (oidc:groups:NAME)
    #[arg(value_name = "EMAIL|SUB|GROUP")]
    pub identity: String,
    /// Issuer URL, or one of google, azure, microsoft, gitlab, hello
    pub issuer: String,
}

/// The file, and whether it was changed.
#[derive(Debug)]
pub struct Edited {
    pub path: PathBuf,
    pub changed: bool,
}

/// Returns the file's new text, or `None` to leave it as it is.
pub type Change<'a> = &'a dyn Fn(&[u8]) -> Result<Option<Vec<u8>>, AdminError>;

/// Changes the file that decides about `account`. Keeps mode and owner.
pub fn edit(etc: &Path, account: &str, change: Change<'_>) -> Result<Edited, AdminError> {
    let path = AUTH_ID.path_in(etc);
    match AUTH_ID.read(&path) {
        Ok(_) => {
            // a symlink stays: its target is replaced
            let real = fs::canonicalize(&path).map_err(not_written(&path))?;
            let read = || AUTH_ID.read(&real).map_err(not_loaded);
            let changed = edit_locked(&real, read, change)?;
            Ok(Edited { path, changed })
        }
        Err(error) if error.is_permission_denied() => {
            let account = account::find(account).map_err(load_failure)?;
            let path = home::path_of(&account);
            let changed = edit_home_of(&account, &path, change)?;
            Ok(Edited { path, changed })
        }
        Err(error) => Err(not_loaded(error)),
    }
}

fn edit_home_of(account: &Account, path: &Path, change: Change<'_>) -> Result<bool, AdminError> {
    let (directory, mode) = home::DIRECTORY;
    let directory = account.home.join(directory);
    if !directory.exists() && change(&[])?.is_none() {
        return Ok(false);
    }
    match fs::DirBuilder::new().mode(mode).create(&directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(not_written(path)(error));
        }
        _ => {}
    }
    let read = || match home::read(account) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(load_failure(&error).with_hint(match &error {
            FileError::Mode { path, allowed, .. } => {
                Some(format!("run: chmod {allowed:o} {}", path.display()))
            }
            _ => None,
        })),
    };
    edit_locked(path, read, change)
}

/// Reads, changes and replaces the file under the directory's lock, so that concurrent runs both
/// succeed.
fn edit_locked(
    path: &Path,
    read: impl FnOnce() -> Result<Vec<u8>, AdminError>,
    change: Change<'_>,
) -> Result<bool, AdminError> {
    let _lock = rewrite::lock(path).map_err(not_written(path))?;
    let Some(after) = change(&read()?)? else {
        return Ok(false);
    };
    rewrite::replace(path, &after, rewrite::NewFile::Private).map_err(not_written(path))?;
    Ok(true)
}

fn load_failure(error: impl Display) -> AdminError {
    AdminError::new(format!("failed to load policy: {error}"))
}

fn not_loaded(error: FileError) -> AdminError {
    load_failure(&error).with_hint(etc::admin_hint(&error, AUTH_ID.mode))
}

fn not_written(path: &Path) -> impl FnOnce(io::Error) -> AdminError {
    rewrite::failure(
        path,
        format!("failed to write policy to {}", path.display()),
    )
}

#[cfg(test)]
mod tests;
