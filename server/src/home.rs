//! Reads a user's own `~/.opk/auth_id`: directly if permitted, otherwise as root through sudo and
//! the installed sudoers rule.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::account::{self, Account};
use crate::files::{self, FileConditions, FileError, Owner};
use crate::process;
use crate::table;

/// Directory of the file in a home, and its mode.
pub const DIRECTORY: (&str, u32) = (".opk", 0o750);
pub const MODE: u32 = 0o600;
const SUDO: [&str; 3] = ["/usr/bin/sudo", "/bin/sudo", "/usr/local/bin/sudo"];
/// Time limit for sudo, well within sshd's LoginGraceTime.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A user's own policy file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomePolicy {
    /// Its path, for the log.
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

/// Reason why there is none.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct NoHomePolicy {
    pub reason: String,
    /// True for a missing file, which is the usual case.
    pub is_absent: bool,
}

impl From<String> for NoHomePolicy {
    fn from(reason: String) -> Self {
        let is_absent = false;
        Self { reason, is_absent }
    }
}

pub fn path_of(account: &Account) -> PathBuf {
    account.home.join(DIRECTORY.0).join("auth_id")
}

/// Reads the file directly. It must belong to the user, have mode 0600 or stricter, and no symlinks
/// between home directory and file.
pub fn read(account: &Account) -> Result<Vec<u8>, FileError> {
    let demands = FileConditions {
        owner: Owner::User(account.uid),
        mode: MODE,
    };
    files::read_beneath(&account.home, &path_of(account), demands)
}

/// Reads the file for a report, whatever its owner and mode. Follows no symlinks either.
pub fn read_distrusted(account: &Account) -> Result<Vec<u8>, FileError> {
    files::read_beneath(&account.home, &path_of(account), FileConditions::NONE)
}

/// Reads the file of each account in `/etc/passwd` that has one.
pub fn read_all() -> Vec<(Account, Result<Vec<u8>, FileError>)> {
    let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
    let accounts = passwd
        .split(|byte| *byte == b'\n')
        .filter_map(Account::parse);
    let all = accounts.map(|account| (read(&account), account));
    all.filter(|(read, _)| !matches!(read, Err(error) if error.is_not_found()))
        .map(|(read, account)| (account, read))
        .collect()
}

/// Returns the next command for a file that others than its account could have changed.
pub fn hint_for(error: &FileError, account: &str) -> Option<String> {
    match error {
        FileError::Mode { path, .. } => {
            Some(format!("run: sudo chmod {MODE:o} {}", path.display()))
        }
        FileError::Owner { path, .. } => {
            let account = table::quote(account);
            Some(format!("run: sudo chown {account} {}", path.display()))
        }
        _ => None,
    }
}

/// Reads the file of the account `name`, through sudo if only root may.
pub fn read_for(name: &str) -> Result<HomePolicy, NoHomePolicy> {
    let account = account::find(name).map_err(|error| error.to_string())?;
    let bytes = match read(&account) {
        Ok(bytes) => bytes,
        Err(direct) if direct.is_permission_denied() => {
            read_as_root(name).map_err(|reason| format!("{direct}, and {reason}"))?
        }
        // root would refuse these files as well
        Err(error) => {
            return Err(NoHomePolicy {
                reason: error.to_string(),
                is_absent: error.is_not_found(),
            });
        }
    };
    let path = path_of(&account);
    Ok(HomePolicy { path, bytes })
}

fn read_as_root(name: &str) -> Result<Vec<u8>, String> {
    let (Some(mut sudo), Ok(ourselves)) = (process::command(&SUDO), std::env::current_exe()) else {
        return Err("there is no sudo to read it with".to_owned());
    };
    sudo.arg("-n").arg(ourselves).args(["readhome", name]);
    process::answer(sudo, TIMEOUT).map_err(|error| format!("neither can sudo: {error}"))
}

#[cfg(test)]
mod tests;
