//! Local accounts, from `/etc/passwd` or, for directory services such as LDAP, from `getent`.

mod kind;

pub use kind::{AccountKind, LocalAccount, facts, is_nobody};

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::{self, ProcessError};

/// Time limit for a directory service.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The fields of a local account that verify needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub home: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("{0:?} is not a valid linux username")]
    Name(String),
    #[error("failed to find user {0}")]
    Unknown(String),
    #[error("failed to find user {name}: {error}")]
    Lookup { name: String, error: ProcessError },
}

/// Looks up an account by its exact name. Accepts any name that the system knows, including upper
/// case and `@`.
pub fn find(name: &str) -> Result<Account, AccountError> {
    if !is_possible(name) {
        return Err(AccountError::Name(name.to_owned()));
    }
    if let Ok(passwd) = std::fs::read("/etc/passwd")
        && let Some(account) = in_passwd(&passwd, name)
    {
        return Ok(account);
    }
    let unknown = || AccountError::Unknown(name.to_owned());
    match getent("passwd", name).ok_or_else(unknown)? {
        Ok(passwd) => in_passwd(&passwd, name).ok_or_else(unknown),
        // getent's status for "no such key"
        Err(ProcessError::Failed { .. }) => Err(unknown()),
        Err(error) => Err(AccountError::Lookup {
            name: name.to_owned(),
            error,
        }),
    }
}

/// Returns the ids of all groups of an account; empty if the system does not know it.
pub fn groups_of(name: &str) -> Vec<u32> {
    let Some(mut command) = process::command(&["/usr/bin/id", "/bin/id"]) else {
        return Vec::new();
    };
    command.args(["-G", "--", name]);
    let numbers = process::answer(command, TIMEOUT).unwrap_or_default();
    String::from_utf8_lossy(&numbers)
        .split_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect()
}

/// Returns the account name of a uid for display, or the number if there is none.
pub fn name_of(uid: u32) -> String {
    name_in("passwd", uid)
}

/// Returns the group name of a gid for display, or the number if there is none.
pub fn group_name_of(gid: u32) -> String {
    name_in("group", gid)
}

/// Looks up a group by its exact name.
pub fn find_group(name: &str) -> Option<u32> {
    is_possible(name).then_some(())?;
    let fields = look_up("group", name, |fields| fields[0] == name)?;
    fields[2].parse().ok()
}

/// Returns the name with this id; `passwd` and `group` have the same first and third columns.
fn name_in(database: &str, id: u32) -> String {
    let id = id.to_string();
    let fields = look_up(database, &id, |fields| fields[2] == id);
    fields.map_or(id, |fields| fields[0].clone())
}

/// Finds a line in the file in `/etc`, then in the answer of getent for `key`.
fn look_up(database: &str, key: &str, wanted: impl Fn(&[String]) -> bool) -> Option<Vec<String>> {
    let file = std::fs::read(Path::new("/etc").join(database)).unwrap_or_default();
    find_in(&file, &wanted).or_else(|| find_in(&getent(database, key)?.ok()?, &wanted))
}

fn find_in(file: &[u8], wanted: impl Fn(&[String]) -> bool) -> Option<Vec<String>> {
    file.split(|byte| *byte == b'\n').find_map(|line| {
        let line = std::str::from_utf8(line).ok()?;
        let fields: Vec<String> = line.split(':').map(str::to_owned).collect();
        (fields.len() >= 3 && wanted(&fields)).then_some(fields)
    })
}

fn getent(database: &str, key: &str) -> Option<Result<Vec<u8>, ProcessError>> {
    let mut command = process::command(&["/usr/bin/getent", "/bin/getent"])?;
    command.args([database, "--", key]);
    Some(process::answer(command, TIMEOUT))
}

/// Returns true if an account can have this name: command lines and tables cannot misread it.
pub fn is_possible(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 256
        && !name.starts_with('-')
        && !name
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || ":/,'\"#".contains(c))
}

/// Returns the first line with this exact name. `getent passwd 0` answers with root's line, which
/// does not match.
fn in_passwd(passwd: &[u8], name: &str) -> Option<Account> {
    let mut lines = passwd.split(|byte| *byte == b'\n');
    lines.find_map(|line| Account::parse(line).filter(|account| account.name == name))
}

impl Account {
    /// Parses a line of passwd(5); `None` without an absolute home directory.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let fields: Vec<&str> = std::str::from_utf8(line).ok()?.split(':').collect();
        let [name, _, uid, _, _, home, ..] = fields.as_slice() else {
            return None;
        };
        home.starts_with('/').then_some(())?;
        Some(Self {
            name: (*name).to_owned(),
            uid: uid.parse().ok()?,
            home: PathBuf::from(home),
        })
    }
}

#[cfg(test)]
mod tests;
