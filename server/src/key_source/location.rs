//! Chooses the key cache directory: the named one, otherwise the one of `server install`, otherwise
//! verify's own.

use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::io::Errno;

use super::store::{KeyStoreError, Store, check_account, io_error};
use crate::account;
use crate::etc::{self, ACCOUNT};

/// Prefix of verify's own directory. It survives a restart, and the sticky bit of its parent keeps
/// others from replacing it.
const OWN_PREFIX: &str = "/var/tmp/opkssh-";

/// Chooses the directory for verify, and creates verify's own directory if that is chosen. Fails
/// with the reason why keys are not cached.
///
/// Only the documented account gets a directory of its own: another account may be shared with
/// programs that could write there. The same holds if plugins or a fallback run (`runs_others`),
/// because they use the same account.
pub fn locate(named: Option<&Path>, runs_others: bool) -> Result<PathBuf, String> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let installed = PathBuf::from(etc::CACHE);
    if installed.symlink_metadata().is_ok() {
        return Ok(installed);
    }
    let uid = rustix::process::geteuid().as_raw();
    let own = own_path(uid);
    let reason = if runs_others {
        "plugins and the fallback could write to a directory of verify's own making".to_owned()
    } else if account::find(ACCOUNT).ok().map(|account| account.uid) != Some(uid) {
        format!("verify makes a directory for the account {ACCOUNT} only")
    } else if let Err(error) = make(&own, uid) {
        error.to_string()
    } else {
        return Ok(own);
    };
    Err(format!(
        "{reason}, and there is no {}; run: sudo opkssh server install",
        etc::CACHE
    ))
}

/// Returns the directory that verify uses on this server. For the admin's commands; creates
/// nothing.
pub fn find(named: Option<&Path>, runs_others: bool) -> PathBuf {
    let installed = PathBuf::from(etc::CACHE);
    match named {
        Some(path) => path.to_owned(),
        None if runs_others || installed.symlink_metadata().is_ok() => installed,
        None => own_of_account().unwrap_or(installed),
    }
}

/// Returns the directory that verify has created, if it is verify's own.
pub fn own_of_account() -> Option<PathBuf> {
    let account = account::find(ACCOUNT).ok()?;
    let own = own_path(account.uid);
    Store::check(&own, account.uid).is_ok().then_some(own)
}

/// Returns what programs that run as verify's account must not write to, because write access
/// decides who can log in. Without a key cache, this is the path that verify may create later.
pub fn protected(chosen: Option<&Path>) -> PathBuf {
    let own = || {
        Path::new(OWN_PREFIX)
            .parent()
            .unwrap_or(Path::new("/var/tmp"))
    };
    chosen.unwrap_or_else(own).to_owned()
}

fn own_path(uid: u32) -> PathBuf {
    PathBuf::from(format!("{OWN_PREFIX}{uid}"))
}

/// Creates the directory with mode 0700. Fails if it is not this account's alone.
fn make(path: &Path, uid: u32) -> Result<(), KeyStoreError> {
    check_account(uid)?;
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) => {}
        // checked before opening, which may fail for another account's directory
        Err(Errno::EXIST) => Store::check(path, uid)?,
        Err(errno) => return Err(io_error(path, errno)),
    }
    Store::open(path).map(drop)
}

#[cfg(test)]
mod tests;
