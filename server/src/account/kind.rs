//! Which local accounts a claim may name. Decided by uid, so that a second name for an account
//! makes no difference.

use super::{AccountError, find, find_in};
use crate::etc::ACCOUNT;

const LOGIN_DEFS: [&str; 2] = ["/etc/login.defs", "/usr/etc/login.defs"];
/// useradd's default without `UID_MIN` in login.defs.
const DEFAULT_UID_MIN: u32 = 1000;
/// Uid of the account nobody on most systems.
const USUAL_NOBODY: u32 = 65534;

/// A local account that a claim names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalAccount {
    pub name: String,
    /// Names in `/etc/passwd` with the same uid, including its own.
    pub aliases: Vec<String>,
    pub kind: AccountKind,
}

/// Kind of account, by uid. A claim may name only a person's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountKind {
    #[error("it is a person's account")]
    Person,
    #[error("it has uid 0")]
    Root,
    #[error("it is the account that verify runs as")]
    Verifier,
    #[error("it is the account nobody")]
    Nobody,
    #[error(
        "its uid {uid} is below UID_MIN ({uid_min}); in the rule's `accounts` it would be allowed to \
         everybody whom `when` fits, whatever the claim says"
    )]
    System { uid: u32, uid_min: u32 },
}

/// Uids of a system that do not belong to persons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Uids {
    /// Of this process, and of verify's documented account.
    verifiers: [Option<u32>; 2],
    /// Uid of the account nobody, if it is not the usual one.
    nobody: Option<u32>,
    /// Lowest uid of persons' accounts, from login.defs(5).
    min: u32,
}

impl AccountKind {
    fn of(uid: u32, uids: Uids) -> Self {
        match uid {
            0 => Self::Root,
            uid if uids.verifiers.contains(&Some(uid)) => Self::Verifier,
            USUAL_NOBODY => Self::Nobody,
            uid if Some(uid) == uids.nobody => Self::Nobody,
            uid if uid < uids.min => Self::System {
                uid,
                uid_min: uids.min,
            },
            _ => Self::Person,
        }
    }
}

/// Looks up an account by its exact name, and determines its kind by uid.
pub fn facts(name: &str) -> Result<LocalAccount, AccountError> {
    let account = find(name)?;
    let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
    let defs = LOGIN_DEFS.iter().find_map(|path| std::fs::read(path).ok());
    let uids = Uids {
        // independent of the caller: root's `explain` decides like verify
        verifiers: [
            Some(rustix::process::geteuid().as_raw()),
            find(ACCOUNT).ok().map(|account| account.uid),
        ],
        nobody: uid_of_nobody(&passwd),
        min: uid_min(&defs.unwrap_or_default()),
    };
    Ok(LocalAccount {
        aliases: names_of(&passwd, account.uid),
        kind: AccountKind::of(account.uid, uids),
        name: account.name,
    })
}

/// Returns true for the account nobody, which unprivileged programs share.
pub fn is_nobody(uid: u32) -> bool {
    let other = || uid_of_nobody(&std::fs::read("/etc/passwd").unwrap_or_default());
    uid == USUAL_NOBODY || Some(uid) == other()
}

fn uid_of_nobody(passwd: &[u8]) -> Option<u32> {
    find_in(passwd, |fields| fields[0] == "nobody")?[2]
        .parse()
        .ok()
}

/// Returns `UID_MIN` of login.defs(5); the last line counts.
fn uid_min(defs: &[u8]) -> u32 {
    let defs = String::from_utf8_lossy(defs);
    let mut values = defs.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some("UID_MIN")).then(|| words.next()?.parse().ok())?
    });
    values.next_back().unwrap_or(DEFAULT_UID_MIN)
}

fn names_of(passwd: &[u8], uid: u32) -> Vec<String> {
    let lines = passwd.split(|byte| *byte == b'\n');
    let names = lines.filter_map(|line| {
        let mut fields = std::str::from_utf8(line).ok()?.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    names.collect()
}

#[cfg(test)]
mod tests;
