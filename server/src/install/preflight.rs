//! Checks before sshd's configuration is changed: verify, run as its account, can use its files.

use std::path::Path;
use std::process::Command;

use super::InstallError;
use crate::account;
use crate::etc::{self, ACCOUNT};
use crate::permissions::{self, Action, Obstacle, ServerPaths};

/// Lets verify's account read the policy files that only root can have written, by setting group
/// and mode. Fails if that is not sufficient, or if others could have written a file, which an
/// admin must review first.
pub fn grant_access(rehearsal: bool, say: &mut dyn FnMut(&str)) -> Result<(), InstallError> {
    let Ok(account) = account::find(ACCOUNT) else {
        return Ok(());
    };
    if !account::groups_of(&account.name).contains(&account::find_group(ACCOUNT).unwrap_or(0)) {
        return Err(InstallError::NotInGroup);
    }
    let paths = ServerPaths {
        etc: etc::DIRECTORY.into(),
        group: ACCOUNT.to_owned(),
        cache: etc::CACHE.into(),
    };
    if let Some(open) = permissions::open_directory(&paths) {
        return Err(InstallError::OpenDirectory(open));
    }
    // the directory must be accessible before its files are checked
    for _ in 0..2 {
        for obstacle in permissions::obstacles_of_verify(&paths) {
            for action in fix_for(&obstacle)? {
                if rehearsal {
                    say(&format!("Would {action}."));
                } else {
                    permissions::apply(&action).map_err(InstallError::Repair)?;
                    say(&format!("Done: {action}"));
                }
            }
        }
        if rehearsal {
            break;
        }
    }
    match permissions::obstacles_of_verify(&paths).into_iter().next() {
        Some(obstacle) if !rehearsal => Err(InstallError::Unreachable(obstacle)),
        _ => Ok(()),
    }
}

fn fix_for(obstacle: &Obstacle) -> Result<[Action; 2], InstallError> {
    match obstacle.entry {
        Some(entry) if obstacle.is_roots_alone => Ok([
            Action::Owner(obstacle.path.clone(), ACCOUNT.to_owned()),
            Action::Mode(obstacle.path.clone(), entry.mode),
        ]),
        _ => Err(InstallError::Unreachable(obstacle.clone())),
    }
}

/// Runs `program server check`, which loads all files of verify as verify's account.
pub fn check_as_account(program: &Path) -> Result<(), InstallError> {
    let checked = Command::new(program)
        .args(["server", "check", "--quiet"])
        .output()
        .map_err(|error| InstallError::Io {
            path: program.to_owned(),
            error,
        })?;
    if checked.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&checked.stderr);
    let mut lines = said.lines();
    let reason = lines.next().unwrap_or("no error message");
    let reason = reason.strip_prefix("Error: ").unwrap_or(reason);
    Err(InstallError::Preflight {
        reason: reason.to_owned(),
        hint: lines.next().map(str::to_owned),
    })
}
