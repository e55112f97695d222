//! Which directory keeps the keys: the one that was named, else the one that `server install`
//! makes, else one of verify's own making.

use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::io::Errno;

use super::store::{Store, StoreError, judge_account};
use crate::account;
use crate::etc::{self, ACCOUNT, PLUGINS};
use crate::plugin;

/// Where verify makes a directory for itself. It survives a restart, and its sticky bit keeps
/// others from putting another directory in its place.
const OWN_PREFIX: &str = "/var/tmp/opkssh-";

/// A directory for keys, and what the log should say about the choice.
#[derive(Debug, PartialEq, Eq)]
pub struct CacheChoice {
    pub path: PathBuf,
    pub notice: Option<String>,
}

/// Chooses for verify, and makes its own directory where that is the one.
///
/// It does not make one where plugins or a fallback run (`runs_others`): these run as the same
/// account, and the only thing that keeps them from writing to the cache is a list of everything
/// beside it, which `/var/tmp` is too open for.
pub fn locate(named: Option<&Path>, runs_others: bool) -> CacheChoice {
    let uid = rustix::process::geteuid().as_raw();
    let installed = PathBuf::from(etc::CACHE);
    if let Some(path) = named {
        return chosen(path.to_owned());
    }
    if installed.symlink_metadata().is_ok() {
        return chosen(installed);
    }
    if runs_others {
        return CacheChoice {
            path: installed,
            notice: Some(
                "keys are not kept: there is no key cache that plugins and the fallback cannot \
                 write to; run: sudo opkssh server install"
                    .to_owned(),
            ),
        };
    }
    let own = own_path(uid);
    match make(&own, uid) {
        Ok(()) => chosen(own),
        Err(error) => CacheChoice {
            path: installed,
            notice: Some(format!(
                "keys are not kept: {error}; run: sudo opkssh server install"
            )),
        },
    }
}

/// Returns the directory that verify's account uses on this server, as far as there is one: for
/// the admin's commands, which make none.
fn find(named: Option<&Path>, runs_others: bool) -> PathBuf {
    let installed = PathBuf::from(etc::CACHE);
    match named {
        Some(path) => path.to_owned(),
        None if runs_others || installed.symlink_metadata().is_ok() => installed,
        None => own_of_account()
            .filter(|own| Store::check(own).is_ok())
            .unwrap_or(installed),
    }
}

/// As [`find`], for a server with the policy files in `etc`.
pub fn find_of(etc: &Path, named: Option<&Path>) -> PathBuf {
    let settings = etc::load_settings(etc).unwrap_or_default();
    let plugins = plugin::load(&PLUGINS.path_in(etc));
    find(named, settings.runs_others(&plugins))
}

/// Returns the directory that verify makes for itself, if its account exists.
pub fn own_of_account() -> Option<PathBuf> {
    account::find(ACCOUNT)
        .ok()
        .map(|account| own_path(account.uid))
}

fn own_path(uid: u32) -> PathBuf {
    PathBuf::from(format!("{OWN_PREFIX}{uid}"))
}

fn chosen(path: PathBuf) -> CacheChoice {
    CacheChoice { path, notice: None }
}

/// Makes it with mode 0700, or fails if it is not this account's alone.
fn make(path: &Path, uid: u32) -> Result<(), StoreError> {
    judge_account(uid)?;
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Store::open(path).map(drop),
        Err(errno) => Err(StoreError::Io {
            path: path.to_owned(),
            error: errno.into(),
        }),
    }
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
        assert_eq!(locate(Some(named), true), chosen(named.to_owned()));
        assert_eq!(find(Some(named), true), named);
        if !Path::new(etc::CACHE).exists() {
            let location = locate(None, true);
            assert_eq!(location.path, Path::new(etc::CACHE));
            assert!(location.notice.unwrap().contains("server install"));
        }
    }
}
