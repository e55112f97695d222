//! Local accounts, from `/etc/passwd` or, for directory services such as LDAP, from `getent`.

mod kind;

pub use kind::{AccountFacts, AccountKind, facts, is_nobody};

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{self, ProcessError};

/// Time limit for a directory service.
const DEADLINE: Duration = Duration::from_secs(5);
const GETENT: [&str; 2] = ["/usr/bin/getent", "/bin/getent"];
const ID: [&str; 2] = ["/usr/bin/id", "/bin/id"];

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
    let getent = GETENT
        .into_iter()
        .find(|path| Path::new(path).exists())
        .ok_or_else(unknown)?;
    let mut command = Command::new(getent);
    command.args(["passwd", "--", name]);
    match process::answer(command, DEADLINE) {
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
    let Some(id) = ID.into_iter().find(|path| Path::new(path).exists()) else {
        return Vec::new();
    };
    let mut command = Command::new(id);
    command.args(["-G", "--", name]);
    let numbers = process::answer(command, DEADLINE).unwrap_or_default();
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
    let file = std::fs::read("/etc/group").unwrap_or_default();
    find_in(&file, |fields| fields[0] == name)
        .or_else(|| find_in(&ask("group", name)?, |fields| fields[0] == name))
        .and_then(|fields| fields[2].parse().ok())
}

/// Returns the name with this id; `passwd` and `group` have the same first and third columns.
fn name_in(database: &str, id: u32) -> String {
    let id = id.to_string();
    let file = std::fs::read(Path::new("/etc").join(database)).unwrap_or_default();
    find_in(&file, |fields| fields[2] == id)
        .or_else(|| find_in(&ask(database, &id)?, |fields| fields[2] == id))
        .map_or(id, |fields| fields[0].clone())
}

fn find_in(file: &[u8], wanted: impl Fn(&[String]) -> bool) -> Option<Vec<String>> {
    file.split(|byte| *byte == b'\n').find_map(|line| {
        let line = std::str::from_utf8(line).ok()?;
        let fields: Vec<String> = line.split(':').map(str::to_owned).collect();
        (fields.len() >= 3 && wanted(&fields)).then_some(fields)
    })
}

/// Runs getent, if it is installed.
fn ask(database: &str, key: &str) -> Option<Vec<u8>> {
    let getent = GETENT.into_iter().find(|path| Path::new(path).exists())?;
    let mut command = Command::new(getent);
    command.args([database, "--", key]);
    process::answer(command, DEADLINE).ok()
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
    passwd.split(|byte| *byte == b'\n').find_map(|line| {
        let line = std::str::from_utf8(line).ok()?;
        let fields: Vec<&str> = line.split(':').collect();
        let [own, _, uid, _, _, home, ..] = fields.as_slice() else {
            return None;
        };
        (*own == name && home.starts_with('/')).then_some(())?;
        Some(Account {
            name: name.to_owned(),
            uid: uid.parse().ok()?,
            home: PathBuf::from(home),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/bash\nbroken\n\xff:x:5:5::/x:\n\
        Alice@corp:x:1000:1000::/home/alice:/bin/sh\nnohome:x:7:7:::\n+::::::\nbad:x:-1:0::/b:\n";

    #[test]
    fn accounts_are_found_by_their_exact_name() {
        assert_eq!(in_passwd(PASSWD, "root").unwrap().uid, 0);
        let alice = in_passwd(PASSWD, "Alice@corp").unwrap(); // row 126
        assert_eq!(
            (alice.uid, alice.home.as_path()),
            (1000, Path::new("/home/alice"))
        );
        for name in [
            "alice@corp",
            "0",
            "1000",
            "nohome",
            "+",
            "broken",
            "bad",
            "",
        ] {
            assert_eq!(in_passwd(PASSWD, name), None, "{name}");
        }
    }

    #[test]
    fn names_that_cannot_be() {
        for name in ["", "-root", "a:b", "../x", "a b", "a\nb", "a\0", "a,b"] {
            assert!(matches!(find(name), Err(AccountError::Name(_))), "{name:?}");
        }
        assert!(is_possible("DOMAIN\\user"));
        assert!(is_possible("host$"));
    }

    #[test]
    fn groups_and_names() {
        assert_eq!(find_group("root"), Some(0));
        for name in ["no-such-group-here", "", "0", "root:"] {
            assert_eq!(find_group(name), None, "{name}");
        }
        assert_eq!(
            (name_of(0), group_name_of(0)),
            ("root".into(), "root".into())
        );
        assert_eq!(name_of(4_000_000_000), "4000000000");
    }

    #[test]
    fn asks_the_system() {
        assert_eq!(find("root").unwrap().uid, 0);
        assert!(matches!(
            find("no-such-account-here"),
            Err(AccountError::Unknown(_))
        ));
        assert!(matches!(find("0"), Err(AccountError::Unknown(_))));
    }
}
