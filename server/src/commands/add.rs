//! `opkssh add PRINCIPAL IDENTITY ISSUER`: adds a row to a policy file.
//!
//! Inserts one line and keeps the rest of the file, including comments. The file is replaced
//! atomically under a lock, with mode and owner kept.

use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::account::{self, Account};
use crate::admin_error::AdminError;
use crate::etc::{self, AUTH_ID};
use crate::files::FileError;
use crate::home;
use crate::log::Log;
use crate::rewrite;
use crate::table;

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

/// The file with the row.
#[derive(Debug)]
struct Added {
    path: PathBuf,
    existed: bool,
}

/// Adds the row to the system's file or, if that cannot be read, to the account's own file. Prints
/// the result to stdout.
pub fn add_command(args: &AddArgs) -> Result<(), AdminError> {
    let log = Log::to(io::stderr());
    let added = add(args).inspect_err(|error| {
        log.line(&format!("Failed to add to policy: {error}"));
    })?;
    let done = match added.existed {
        true => "already exists",
        false => "was added",
    };
    log.line(&format!(
        "{} with principal {} {done} in the policy file",
        args.identity, args.principal
    ));
    let path = added.path.display();
    // the row is added even if nobody reads stdout
    let _ = writeln!(io::stdout(), "Successfully added new policy to {path}");
    Ok(())
}

fn add(args: &AddArgs) -> Result<Added, AdminError> {
    let row = [&args.principal, &args.identity, issuer(&args.issuer)];
    for (column, word) in ["principal", "identity", "issuer"].into_iter().zip(row) {
        table::writable(word).map_err(|reason| unwritable(column, reason))?;
    }
    let path = AUTH_ID.path_in(&args.etc);
    match AUTH_ID.read(&path) {
        Ok(_) => {
            // a symlink stays: its target is replaced
            let real = fs::canonicalize(&path).map_err(not_written(&path))?;
            let read = || AUTH_ID.read(&real).map_err(not_loaded);
            let existed = add_locked(&real, row, read)?;
            Ok(Added { path, existed })
        }
        Err(error) if error.is_permission_denied() => {
            let account = account::find(&args.principal).map_err(load_failure)?;
            let path = home::path_of(&account);
            let existed = add_to_home_of(&account, &path, row)?;
            Ok(Added { path, existed })
        }
        Err(error) => Err(not_loaded(error)),
    }
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

fn add_to_home_of(account: &Account, path: &Path, row: [&str; 3]) -> Result<bool, AdminError> {
    let (directory, mode) = home::DIRECTORY;
    let directory = account.home.join(directory);
    match fs::DirBuilder::new().mode(mode).create(&directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(not_written(path)(error));
        }
        _ => {}
    }
    add_locked(path, row, || match home::read(account) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(load_failure(&error).with_hint(match &error {
            FileError::Mode { path, allowed, .. } => {
                Some(format!("Run: chmod {allowed:o} {}", path.display()))
            }
            _ => None,
        })),
    })
}

/// Reads, changes and replaces the file under the directory's lock, so that concurrent runs both
/// succeed.
fn add_locked(
    path: &Path,
    row: [&str; 3],
    read: impl FnOnce() -> Result<Vec<u8>, AdminError>,
) -> Result<bool, AdminError> {
    let _lock = rewrite::lock(path).map_err(not_written(path))?;
    let Some(after) = with_row(&read()?, row)? else {
        return Ok(true);
    };
    rewrite::replace(path, &after, rewrite::NewFile::Private).map_err(not_written(path))?;
    Ok(false)
}

/// Returns the file with the row added, or `None` if it exists. The new row follows the last one
/// for the same identity and issuer, otherwise it comes last.
fn with_row(before: &[u8], row: [&str; 3]) -> Result<Option<Vec<u8>>, AdminError> {
    let line = table::write_row(row).map_err(|reason| unwritable("row", reason))?;
    let rows = table::read(before).rows;
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

fn load_failure(error: impl Display) -> AdminError {
    AdminError::new(format!("failed to load policy: {error}"))
}

fn not_loaded(error: FileError) -> AdminError {
    load_failure(&error).with_hint(etc::hint_for(&error, AUTH_ID.mode))
}

fn not_written(path: &Path) -> impl FnOnce(io::Error) -> AdminError {
    rewrite::failure(
        path,
        format!("failed to write policy to {}", path.display()),
    )
}

fn unwritable(column: &str, reason: &str) -> AdminError {
    AdminError::new(format!(
        "cannot write this {column} to a policy file: {reason}"
    ))
}

#[cfg(test)]
mod tests;
