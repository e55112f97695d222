//! `opkssh add PRINCIPAL IDENTITY ISSUER`: adds a row to a policy file.
//!
//! Inserts one line and keeps the rest of the file, including comments. The file is replaced
//! atomically under a lock, with mode and owner kept.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::account::{self, Account, AccountError};
use crate::etc::{self, AUTH_ID, HOME_DIRECTORY};
use crate::files::FileError;
use crate::home;
use crate::log::Log;
use crate::rewrite;
use crate::table::{self, Table, Unwritable};

/// Let an identity log in to a local account.
#[derive(Debug, Clone, clap::Args)]
pub struct AddArgs {
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

/// Result of adding a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    pub path: PathBuf,
    /// The row already existed.
    pub existed: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum AddError {
    #[error("failed to load policy: {0}")]
    File(FileError),
    #[error("failed to load policy: {0}")]
    HomeFile(FileError),
    #[error("failed to load policy: {0}")]
    Account(#[from] AccountError),
    #[error("cannot write this {column} to a policy file: {reason}")]
    Unwritable {
        column: &'static str,
        reason: Unwritable,
    },
    #[error("failed to write policy to {path}: {error}", path = path.display())]
    Write { path: PathBuf, error: io::Error },
}

impl AddError {
    /// Returns the next command to run, if there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => etc::hint_for(error, AUTH_ID.mode),
            Self::HomeFile(FileError::Mode { path, allowed, .. }) => {
                Some(format!("Run: chmod {allowed:o} {}", path.display()))
            }
            Self::Write { path, error } => rewrite::hint(path, error),
            Self::HomeFile(_) | Self::Account(_) | Self::Unwritable { .. } => None,
        }
    }
}

/// Adds the row to the system's file or, if that cannot be read, to the account's own file. Prints
/// the result to stdout.
pub fn add_command(args: &AddArgs) -> Result<Added, AddError> {
    let log = Log::to(io::stderr());
    let added = add(args).inspect_err(|error| {
        log.line(&format!("Failed to add to policy: {error}"));
    })?;
    log.line(&format!(
        "{} with principal {} {} in the policy file",
        args.identity,
        args.principal,
        if added.existed {
            "already exists"
        } else {
            "was added"
        }
    ));
    // the row is added even if nobody reads stdout
    let done = format!(
        "Successfully added new policy to {}\n",
        added.path.display()
    );
    let _ = io::stdout().write_all(done.as_bytes());
    Ok(added)
}

fn add(args: &AddArgs) -> Result<Added, AddError> {
    let issuer = issuer(&args.issuer);
    let row = [args.principal.as_str(), args.identity.as_str(), issuer];
    for (column, word) in ["principal", "identity", "issuer"].into_iter().zip(row) {
        table::writable(word).map_err(|reason| AddError::Unwritable { column, reason })?;
    }
    let system = AUTH_ID.path_in(&args.etc);
    let (path, existed) = match AUTH_ID.read(&system) {
        Ok(_) => add_to_system(&system, row)?,
        Err(error) if error.is_permission_denied() => add_to_home(&args.principal, row)?,
        Err(error) => return Err(AddError::File(error)),
    };
    Ok(Added { path, existed })
}

/// Expands Go's short issuer names, which only this command knows; files need the full URL.
fn issuer(word: &str) -> &str {
    match word {
        "google" => "https://accounts.google.com",
        "azure" | "microsoft" => {
            "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"
        }
        "gitlab" => "https://gitlab.com",
        "hello" => "https://issuer.hello.coop",
        other => other,
    }
}

fn add_to_system(path: &Path, row: [&str; 3]) -> Result<(PathBuf, bool), AddError> {
    // a symlink stays: its target is replaced
    let real = fs::canonicalize(path).map_err(|error| failed(path, error))?;
    let existed = add_locked(&real, row, || AUTH_ID.read(&real).map_err(AddError::File))?;
    Ok((path.to_owned(), existed))
}

fn add_to_home(principal: &str, row: [&str; 3]) -> Result<(PathBuf, bool), AddError> {
    let account = account::find(principal)?;
    let path = home::path_of(&account);
    let existed = add_to_home_of(&account, &path, row)?;
    Ok((path, existed))
}

fn add_to_home_of(account: &Account, path: &Path, row: [&str; 3]) -> Result<bool, AddError> {
    let directory = HOME_DIRECTORY.path_in(&account.home);
    let mode = HOME_DIRECTORY.mode;
    match fs::DirBuilder::new().mode(mode).create(&directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(failed(path, error));
        }
        _ => {}
    }
    add_locked(path, row, || match home::read(account) {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        other => other.map_err(AddError::HomeFile),
    })
}

/// Reads, changes and replaces the file under the directory's lock, so that concurrent runs both
/// succeed.
fn add_locked(
    path: &Path,
    row: [&str; 3],
    read: impl FnOnce() -> Result<Vec<u8>, AddError>,
) -> Result<bool, AddError> {
    let _lock = rewrite::lock(path).map_err(|error| failed(path, error))?;
    let before = read()?;
    match with_row(&before, row)? {
        None => Ok(true),
        Some(after) => {
            rewrite::replace(path, &after, rewrite::NewFile::Private)
                .map_err(|error| failed(path, error))?;
            Ok(false)
        }
    }
}

/// Returns the file with the row added, or `None` if it exists. The new row follows the last one
/// for the same identity and issuer, otherwise it comes last.
fn with_row(before: &[u8], row: [&str; 3]) -> Result<Option<Vec<u8>>, AddError> {
    let line = table::write_row(row).map_err(|reason| AddError::Unwritable {
        column: "row",
        reason,
    })?;
    let Table { rows, .. } = table::read(before);
    if rows.iter().any(|known| known.words == row) {
        return Ok(None);
    }
    let behind = rows.iter().rev().find(|known| known.words[1..] == row[1..]);
    let lines: Vec<&[u8]> = before.split_inclusive(|byte| *byte == b'\n').collect();
    let (head, tail) = lines.split_at(behind.map_or(lines.len(), |known| known.line));
    let mut after = head.concat();
    if after.last().is_some_and(|last| *last != b'\n') {
        after.push(b'\n');
    }
    after.extend_from_slice(line.as_bytes());
    after.extend(tail.concat());
    Ok(Some(after))
}

fn failed(path: &Path, error: io::Error) -> AddError {
    AddError::Write {
        path: path.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests;
