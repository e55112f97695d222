//! Required modes and owners of the server's files, the present ones, and the steps to correct
//! them. The command is [`crate::permissions_command`].

mod access;
mod check;
mod plan;

pub use access::Obstacle;
pub use check::{Finding, check};
pub use plan::{Action, Plan, apply, plan};

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::Stat;
use rustix::io::Errno;

use crate::account;
use crate::etc::{self, LOG_FILE};
use crate::key_source::{KeyStoreError, Store};
use access::{Access, ProcessCredentials, obstacle, obstacles};

// no doc comment: clap would use it as the help of the command
#[derive(Debug, Clone, clap::Args)]
pub struct ServerPaths {
    /// Directory of providers, auth_id, config.yml and policy.d
    #[arg(long, value_name = "DIR", default_value = etc::DIRECTORY)]
    pub etc: PathBuf,
    /// Group of sshd's AuthorizedKeysCommandUser
    #[arg(long, value_name = "GROUP", default_value = etc::ACCOUNT)]
    pub group: String,
    /// Directory of the key cache
    #[arg(long, value_name = "DIR", default_value = etc::CACHE)]
    pub cache: PathBuf,
}

/// Conditions for a plugin's program.
const PROGRAM_MODES: [u32; 2] = [0o555, 0o755];

/// Returns the owner and mode of a file; `None` if there is none.
fn stat(path: &Path) -> io::Result<Option<Stat>> {
    match rustix::fs::stat(path) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

fn mode(stat: &Stat) -> u32 {
    stat.st_mode & 0o777
}

/// Returns true if an account other than root can change the file.
fn open_to_others(directory: &Stat) -> bool {
    directory.st_uid != 0 || mode(directory) & 0o022 != 0
}

/// Returns what verify's account cannot access in `/etc/opk` and for its log, if the account
/// exists; it has the group's name. Other directories are not checked.
pub fn obstacles_of_verify(paths: &ServerPaths) -> Vec<Obstacle> {
    if paths.etc != Path::new(etc::DIRECTORY) {
        return Vec::new();
    }
    let Ok(account) = account::find(&paths.group) else {
        return Vec::new();
    };
    let credentials = ProcessCredentials::of(&account);
    let mut found = obstacles(paths, &credentials);
    let log = LOG_FILE.path();
    found.extend(obstacle(&log, Some(&LOG_FILE), &credentials, Access::Write));
    found
}

/// Returns a directory of policy files that accounts other than root can change, if there is one.
pub fn open_directory(paths: &ServerPaths) -> Option<PathBuf> {
    let directories = [&etc::ETC, &etc::PLUGINS].map(|entry| entry.path_in(&paths.etc));
    let is_open =
        |path: &PathBuf| stat(path).is_ok_and(|stat| stat.as_ref().is_some_and(open_to_others));
    directories.into_iter().find(is_open)
}

/// Returns why the key cache is not used, or could have been written by others.
fn cache_problem(paths: &ServerPaths) -> Option<String> {
    match Store::check_for_owner(&paths.cache) {
        Ok(()) => {
            // the user created by server install has the group's name
            let owner = account::find(&paths.group).ok()?.uid;
            let uid = rustix::fs::lstat(&paths.cache).ok()?.st_uid;
            (uid != owner).then(|| {
                format!(
                    "{} belongs to {}, not to {}",
                    paths.cache.display(),
                    account::name_of(uid),
                    paths.group
                )
            })
        }
        Err(KeyStoreError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(error.to_string()),
    }
}
