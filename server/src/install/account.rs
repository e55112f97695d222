//! The account that verify runs as: a system account without home or shell, with a group of the
//! same name.

use std::time::Duration;

use crate::account;
use crate::admin_error::AdminError;
use crate::process;

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
) -> Result<Option<Identity>, AdminError> {
    if let Some(identity) = identity_of(name) {
        say(&format!("Account {name} exists."));
        return Ok(Some(identity));
    }
    if rehearsal {
        say(&format!("Would make the system account and group {name}."));
        return Ok(None);
    }
    if account::find_group(name).is_none() {
        let tool = ["/usr/sbin/groupadd", "/sbin/groupadd"];
        run(name, &tool, &["--system", name])?;
    }
    if account::find(name).is_err() {
        let nologin = process::installed(&["/usr/sbin/nologin", "/sbin/nologin"]);
        let shell = nologin.unwrap_or("/bin/false");
        let home = ["--home-dir", "/nonexistent", "--no-create-home"];
        let rest = ["--system", "--gid", name, "--shell", shell, name];
        let tool = ["/usr/sbin/useradd", "/sbin/useradd"];
        run(name, &tool, &[&home[..], &rest[..]].concat())?;
    }
    say(&format!("Made the system account and group {name}."));
    identity_of(name).map(Some).ok_or_else(|| not_made(name))
}

fn not_made(name: &str) -> AdminError {
    AdminError::new(format!(
        "{name} is not an account or group that can be made here"
    ))
}

/// Returns uid and gid of an account and the group with its name.
pub fn identity_of(name: &str) -> Option<Identity> {
    Some(Identity {
        uid: account::find(name).ok()?.uid,
        gid: account::find_group(name)?,
    })
}

fn run(name: &str, tool: &[&str], words: &[&str]) -> Result<(), AdminError> {
    let mut command = process::command(tool).ok_or_else(|| not_made(name))?;
    command.args(words);
    process::answer(command, DEADLINE).map_err(AdminError::new)?;
    Ok(())
}
