//! Checks before sshd's configuration is changed: verify, run as its account, can use its files.

use std::path::Path;
use std::process::Command;

use crate::account;
use crate::admin_error::AdminError;
use crate::etc::{self, ACCOUNT};
use crate::fallback::{self, FallbackError};
use crate::permissions::{self, Action, Obstacle, ServerPaths};

/// Lets verify's account read the policy files that only root can have written, by setting group
/// and mode. Fails if that is not sufficient, or if others could have written a file, which an
/// admin must review first.
pub fn grant_access(rehearsal: bool, say: &mut dyn FnMut(&str)) -> Result<(), AdminError> {
    let Ok(account) = account::find(ACCOUNT) else {
        return Ok(());
    };
    if !account::groups_of(&account.name).contains(&account::find_group(ACCOUNT).unwrap_or(0)) {
        return Err(AdminError::new(format!(
            "the account {ACCOUNT} is not in the group {ACCOUNT}, which reads the files"
        ))
        .hinting(format!("run: sudo usermod -aG {ACCOUNT} {ACCOUNT}")));
    }
    let paths = ServerPaths {
        etc: etc::DIRECTORY.into(),
        group: ACCOUNT.to_owned(),
        cache: etc::CACHE.into(),
    };
    if let Some(open) = permissions::open_directory(&paths) {
        let path = open.display();
        return Err(
            AdminError::new(format!("{path} can be changed by accounts other than root")).hinting(
                format!(
                    "review its contents, then run: sudo chown root {path} && sudo chmod 750 {path}"
                ),
            ),
        );
    }
    // the directory must be accessible before its files are checked
    for _ in 0..2 {
        for obstacle in permissions::obstacles_of_verify(&paths) {
            for action in fix_for(&obstacle)? {
                if rehearsal {
                    say(&format!("Would {action}."));
                } else {
                    permissions::apply(&action).map_err(AdminError::new)?;
                    say(&format!("Done: {action}"));
                }
            }
        }
        if rehearsal {
            break;
        }
    }
    match permissions::obstacles_of_verify(&paths).into_iter().next() {
        Some(obstacle) if !rehearsal => Err(unreachable(&obstacle)),
        _ => Ok(()),
    }
}

fn fix_for(obstacle: &Obstacle) -> Result<[Action; 2], AdminError> {
    match obstacle.entry {
        Some(entry) if obstacle.is_roots_alone => Ok([
            Action::Owner(obstacle.path.clone(), ACCOUNT.to_owned()),
            Action::Mode(obstacle.path.clone(), entry.mode),
        ]),
        _ => Err(unreachable(obstacle)),
    }
}

fn unreachable(obstacle: &Obstacle) -> AdminError {
    let path = obstacle.path.display();
    AdminError::new(format!("{path}: {}", obstacle.describe(ACCOUNT))).hinting(
        match obstacle.entry {
            None => format!("check why it is closed, then run: sudo chmod o+x {path}"),
            Some(entry) => format!(
                "look at what is in it, since others than root could have changed it; then run: \
                 sudo chown root:{ACCOUNT} {path} && sudo chmod {:o} {path}",
                entry.mode
            ),
        },
    )
}

/// Runs `program server check`, which loads all files of verify as verify's account.
pub fn check_as_account(program: &Path) -> Result<(), AdminError> {
    let checked = Command::new(program)
        .args(["server", "check", "--quiet"])
        .output()
        .map_err(AdminError::at(program))?;
    if checked.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&checked.stderr);
    let mut lines = said.lines();
    let reason = lines.next().unwrap_or("no error message");
    let reason = reason.strip_prefix("Error: ").unwrap_or(reason);
    Err(AdminError::new(format!(
        "verify, run as {ACCOUNT}, cannot do its work: {reason}"
    ))
    .with_hint(lines.next().map(str::to_owned)))
}

/// Fails unless sshd would run the program.
pub fn check_program_owner(program: &Path) -> Result<(), AdminError> {
    fallback::check_owner_and_mode(program).map_err(|error| {
        let program = program.display();
        AdminError::new(format!("sshd would not run {program}: {error}")).hinting(format!(
            "run: sudo install -m 755 {program} /usr/local/bin/opkssh && sudo \
             /usr/local/bin/opkssh server install"
        ))
    })
}

/// Returns the error of a fallback that would not be run.
pub fn bad_fallback(error: FallbackError) -> AdminError {
    let hint = match &error {
        FallbackError::Owner { path, .. } => format!("run: sudo chown root {}", path.display()),
        FallbackError::Mode { path, .. } => format!("run: sudo chmod go-w {}", path.display()),
        _ => "run: sudoedit /etc/opk/server.yml".to_owned(),
    };
    AdminError::new(format!(
        "the fallback of /etc/opk/server.yml would not be run: {error}"
    ))
    .hinting(hint)
}
