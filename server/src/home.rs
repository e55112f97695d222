//! Reads a user's own `~/.opk/auth_id`: directly if permitted, otherwise as root through sudo and
//! the installed sudoers rule.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::account::{self, Account, AccountError};
use crate::etc::HOME_AUTH_ID;
use crate::files::FileError;
use crate::process::{self, ProcessError};

const SUDO: [&str; 3] = ["/usr/bin/sudo", "/bin/sudo", "/usr/local/bin/sudo"];
/// Time limit for sudo, well within sshd's LoginGraceTime.
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    #[error("{0}")]
    Account(#[from] AccountError),
    #[error("{0}")]
    File(#[from] FileError),
    #[error("{direct}, and there is no sudo to read it with")]
    NoSudo { direct: Box<FileError> },
    #[error("{direct}, and neither can sudo: {error}")]
    Sudo {
        direct: Box<FileError>,
        error: Box<ProcessError>,
    },
}

/// Returns the path of an account's file.
pub fn path_of(account: &Account) -> PathBuf {
    HOME_AUTH_ID.path_in(&account.home)
}

/// Reads the file directly. It must belong to the user, have mode 0600 or stricter, and no symlinks
/// between home directory and file.
pub fn read(account: &Account) -> Result<Vec<u8>, FileError> {
    HOME_AUTH_ID.read_in_home(account)
}

/// Reads the file of the account `name`, through sudo if only root may. Also returns its path.
pub fn read_for(name: &str) -> Result<(PathBuf, Vec<u8>), HomeError> {
    let account = account::find(name)?;
    let path = path_of(&account);
    match read(&account) {
        Ok(bytes) => Ok((path, bytes)),
        // root would refuse these files as well
        Err(direct) if !direct.is_permission_denied() => Err(direct.into()),
        Err(direct) => Ok((path, read_as_root(name, Box::new(direct))?)),
    }
}

fn read_as_root(name: &str, direct: Box<FileError>) -> Result<Vec<u8>, HomeError> {
    let sudo = SUDO.into_iter().find(|path| Path::new(path).exists());
    let ourselves = std::env::current_exe().ok();
    let (Some(sudo), Some(ourselves)) = (sudo, ourselves) else {
        return Err(HomeError::NoSudo { direct });
    };
    let mut command = Command::new(sudo);
    command.arg("-n").arg(ourselves).args(["readhome", name]);
    process::answer(command, DEADLINE).map_err(|error| HomeError::Sudo {
        direct,
        error: Box::new(error),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn account(home: &Path) -> Account {
        let uid = rustix::process::geteuid().as_raw();
        Account {
            name: "me".to_owned(),
            uid,
            home: home.to_owned(),
        }
    }

    #[test]
    fn the_users_own_private_file() {
        let home = tempfile::tempdir().unwrap();
        let me = account(home.path());
        assert!(read(&me).unwrap_err().is_not_found());
        fs::create_dir(home.path().join(".opk")).unwrap();
        let path = path_of(&me);
        fs::write(&path, "rows").unwrap();
        for (mode, ok) in [(0o600, true), (0o400, true), (0o640, false), (0o644, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(&me).is_ok(), ok, "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let other = Account {
            uid: me.uid + 1,
            ..me
        };
        assert!(matches!(read(&other), Err(FileError::Owner { .. })));
    }
}
