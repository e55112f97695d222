//! Checks by owner and mode whether verify's account can access verify's files.

use std::path::{Path, PathBuf};

use rustix::fs::Stat;

use super::{ServerPaths, open_to_others, stat};
use crate::account::{self, Account};
use crate::etc::{ETC, FileEntry, PLUGIN, PLUGINS, POLICY_FILES, plugin_files};

#[derive(Debug, Clone)]
pub struct ProcessCredentials {
    pub uid: u32,
    pub gids: Vec<u32>,
}

/// Access that verify needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Enter,
    /// Enter and list.
    List,
    Read,
    Write,
}

/// A directory or file that verify cannot access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    pub path: PathBuf,
    access: Access,
    /// Its row in the table; `None` for a parent of the policy directory.
    pub entry: Option<&'static FileEntry>,
    /// Whether only root can have changed it.
    pub is_roots_alone: bool,
}

impl ProcessCredentials {
    /// Returns the ids of an account, as sshd sets them for its AuthorizedKeysCommand.
    pub fn of(account: &Account) -> Self {
        Self {
            uid: account.uid,
            gids: account::groups_of(&account.name),
        }
    }

    /// Returns true if the kernel grants the access, ACLs aside.
    fn may(&self, stat: &Stat, access: Access) -> bool {
        let wanted = match access {
            Access::Enter => 0o1,
            Access::List => 0o5,
            Access::Read => 0o4,
            Access::Write => 0o2,
        };
        let shift = match stat.st_uid == self.uid {
            true => 6,
            false if self.gids.contains(&stat.st_gid) => 3,
            false => 0,
        };
        self.uid == 0 || (stat.st_mode >> shift) & wanted == wanted
    }
}

/// Returns the existing policy files that the account cannot read. Nothing is reported below a
/// directory that it cannot enter.
pub fn obstacles(paths: &ServerPaths, account: &ProcessCredentials) -> Vec<Obstacle> {
    let etc = &paths.etc;
    let above: Vec<&Path> = etc.ancestors().skip(1).collect();
    let above = above.into_iter().rev().map(|path| (path.to_owned(), None));
    for (path, entry) in above.chain([(etc.clone(), Some(&ETC))]) {
        if let Some(obstacle) = obstacle(&path, entry, account, Access::Enter) {
            return vec![obstacle];
        }
    }
    let files = POLICY_FILES
        .into_iter()
        .filter_map(|entry| obstacle(&entry.path_in(etc), Some(entry), account, Access::Read));
    let plugins = PLUGINS.path_in(etc);
    let in_plugins = match obstacle(&plugins, Some(&PLUGINS), account, Access::List) {
        Some(obstacle) => vec![obstacle],
        None => plugin_files(&plugins)
            .unwrap_or_default()
            .iter()
            .filter_map(|path| obstacle(path, Some(&PLUGIN), account, Access::Read))
            .collect(),
    };
    files.chain(in_plugins).collect()
}

pub(super) fn obstacle(
    path: &Path,
    entry: Option<&'static FileEntry>,
    account: &ProcessCredentials,
    access: Access,
) -> Option<Obstacle> {
    let stat = stat(path).ok().flatten()?;
    (!account.may(&stat, access)).then(|| Obstacle {
        path: path.to_owned(),
        access,
        entry,
        is_roots_alone: !open_to_others(&stat),
    })
}

impl Obstacle {
    /// Describes the problem for an account of this name.
    pub fn describe(&self, account: &str) -> String {
        match self.access {
            Access::Enter | Access::List => {
                format!("{account} cannot enter it, so verify refuses every login")
            }
            Access::Read => format!("{account} cannot read it, so verify refuses every login"),
            Access::Write => format!("{account} cannot write to it, so verify does not log there"),
        }
    }
}

#[cfg(test)]
mod tests;
