//! Chooses the key cache directory: the named one, otherwise the one of `server install`, otherwise
//! verify's own.

use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::io::Errno;

use super::store::{Store, StoreError, check_account, io_error};
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
fn make(path: &Path, uid: u32) -> Result<(), StoreError> {
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
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_directory_of_its_own_is_made_once_and_judged_each_time() {
        let top = tempfile::tempdir().unwrap();
        let own = top.path().join("opkssh-1");
        let uid = rustix::process::geteuid().as_raw();
        make(&own, uid).unwrap();
        assert_eq!(own.metadata().unwrap().mode() & 0o7777, 0o700);
        make(&own, uid).unwrap();
        fs::set_permissions(&own, Permissions::from_mode(0o770)).unwrap();
        assert!(matches!(make(&own, uid), Err(StoreError::Mode { .. })));
        fs::remove_dir(&own).unwrap();
        fs::create_dir(top.path().join("elsewhere")).unwrap();
        symlink(top.path().join("elsewhere"), &own).unwrap();
        assert!(matches!(make(&own, uid), Err(StoreError::NotADirectory(_))));
    }

    #[test]
    fn the_account_nobody_makes_none() {
        let top = tempfile::tempdir().unwrap();
        let own = top.path().join("opkssh-65534");
        assert!(matches!(make(&own, 65534), Err(StoreError::Nobody)));
        assert!(!own.exists());
    }

    #[test]
    fn what_is_named_comes_first_and_others_on_the_account_get_none() {
        let named = Path::new("/nonexistent/keys");
        assert_eq!(locate(Some(named), true), Ok(named.to_owned()));
        assert_eq!(find(Some(named), true), named);
        if !Path::new(etc::CACHE).exists() {
            let reason = locate(None, true).unwrap_err();
            assert!(reason.contains("server install"), "{reason}");
        }
    }
}
