//! Modes and owners of the server's files: what they should be, what they are, and the steps that
//! lead there. The command is [`crate::permissions_command`].

mod access;
mod apply;
mod check;
mod plan;

pub use access::Obstacle;
pub use apply::{ApplyError, apply};
pub use check::{Finding, check};
pub use plan::{Action, Plan, plan};

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::Stat;
use rustix::io::Errno;

use crate::account;
use crate::etc;
use crate::key_source::{Store, StoreError};
use access::{ProcessCredentials, log_obstacle, obstacles};

/// Where the server's files are, and which group reads them.
#[derive(Debug, Clone)]
pub struct Place {
    /// `/etc/opk`
    pub etc: PathBuf,
    /// Group of sshd's AuthorizedKeysCommandUser.
    pub group: String,
    /// The key cache.
    pub cache: PathBuf,
}

/// What a plugin's program may be.
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

/// Returns what is in verify's way in `/etc/opk` and for its log, if its account exists: it has the
/// group's name. Other directories are for tests and demonstrations.
pub fn obstacles_of_verify(place: &Place) -> Vec<Obstacle> {
    if place.etc != Path::new(etc::DIRECTORY) {
        return Vec::new();
    }
    let Ok(account) = account::find(&place.group) else {
        return Vec::new();
    };
    let credentials = ProcessCredentials::of(&account);
    let mut found = obstacles(place, &credentials);
    found.extend(log_obstacle(&credentials));
    found
}

/// Returns a directory of policy files that others than root can change, if there is one.
pub fn open_directory(place: &Place) -> Option<PathBuf> {
    let directories = [&etc::ETC, &etc::PLUGINS].map(|entry| entry.path_in(&place.etc));
    let is_open =
        |path: &PathBuf| stat(path).is_ok_and(|stat| stat.as_ref().is_some_and(open_to_others));
    directories.into_iter().find(is_open)
}

/// Returns why the key cache is not used, or could have been written by others.
fn cache_problem(place: &Place) -> Option<String> {
    match Store::check_for_owner(&place.cache) {
        Ok(()) => {
            // the user that server install makes has the group's name
            let owner = account::find(&place.group).ok()?.uid;
            let uid = rustix::fs::lstat(&place.cache).ok()?.st_uid;
            (uid != owner).then(|| {
                format!(
                    "{} belongs to {}, not to {}",
                    place.cache.display(),
                    account::name_of(uid),
                    place.group
                )
            })
        }
        Err(StoreError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(error.to_string()),
    }
}
