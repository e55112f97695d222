//! The account that verify runs as: a system account without home or shell, with a group of the
//! same name.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::InstallError;
use crate::account;
use crate::process;

const TOOLS: [&str; 2] = ["/usr/sbin", "/sbin"];
const DEADLINE: Duration = Duration::from_secs(30);

/// Uid of an account, and gid of the group with the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
}

/// Finds or creates the account. `None`: it is missing in a dry run.
pub fn ensure_account(
    name: &str,
    rehearsal: bool,
    say: &mut dyn FnMut(&str),
) -> Result<Option<Identity>, InstallError> {
    if identity_of(name).is_some() {
        say(&format!("Account {name} exists."));
        return Ok(identity_of(name));
    }
    if rehearsal {
        say(&format!("Would make the system account and group {name}."));
        return Ok(identity_of(name));
    }
    let nologin = ["/usr/sbin/nologin", "/sbin/nologin"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap_or("/bin/false");
    if account::find_group(name).is_none() {
        run(name, "groupadd", &["--system", name])?;
    }
    if account::find(name).is_err() {
        let home = ["--home-dir", "/nonexistent", "--no-create-home"];
        let rest = ["--system", "--gid", name, "--shell", nologin, name];
        run(name, "useradd", &[&home[..], &rest[..]].concat())?;
    }
    say(&format!("Made the system account and group {name}."));
    let identity = identity_of(name).ok_or_else(|| InstallError::Account(name.to_owned()))?;
    Ok(Some(identity))
}

/// Returns uid and gid of an account and the group with its name.
pub fn identity_of(name: &str) -> Option<Identity> {
    Some(Identity {
        uid: account::find(name).ok()?.uid,
        gid: account::find_group(name)?,
    })
}

fn run(name: &str, tool: &str, words: &[&str]) -> Result<(), InstallError> {
    let program = TOOLS
        .into_iter()
        .map(|directory| Path::new(directory).join(tool))
        .find(|program| program.exists())
        .ok_or_else(|| InstallError::Account(name.to_owned()))?;
    let mut command = Command::new(program);
    command.args(words);
    process::answer(command, DEADLINE)?;
    Ok(())
}
