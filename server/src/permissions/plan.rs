//! Plans the steps that correct modes and owners, and applies them: files are opened once and changed
//! through the handle.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use super::{ServerPaths, cache_problem, mode, obstacles_of_verify, open_to_others, stat};
use crate::account;
use crate::etc::{Absence, ETC, FileEntry, LOG_FILE, PLUGIN, PLUGINS, POLICY_FILES, plugin_files};

/// One step, with Go's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Create(PathBuf, u32),
    Directory(PathBuf, u32),
    Mode(PathBuf, u32),
    /// Set owner root and this group.
    Owner(PathBuf, String),
}

/// Automatic steps, and those left to the admin.
#[derive(Debug, Default)]
pub struct Plan {
    pub actions: Vec<Action>,
    pub errors: Vec<String>,
}

/// Checks the files and returns the steps. Changes nothing.
pub fn plan(paths: &ServerPaths) -> Plan {
    let mut plan = Plan::default();
    if !paths.etc.exists() {
        let path = paths.etc.display();
        plan.errors
            .push(format!("{path}: there is no such directory"));
        return plan;
    }
    if account::find_group(&paths.group).is_none() {
        let group = &paths.group;
        plan.errors
            .push(format!("group: unknown group {group}; nothing is changed"));
        return plan;
    }
    if let Ok(Some(etc)) = stat(&paths.etc)
        && open_to_others(&etc)
    {
        // otherwise others' rules would become root's
        plan.errors.push(format!(
            "{etc} can be changed by others than root: review its contents, then chown root \
             {etc}; chmod 750 {etc}; and run fix again",
            etc = paths.etc.display()
        ));
        return plan;
    }
    for obstacle in obstacles_of_verify(paths) {
        match obstacle.entry {
            // the loop below corrects the files
            Some(entry) if entry == &ETC || entry == &LOG_FILE => {
                plan.plan_owner_and_mode(entry, obstacle.path, paths);
            }
            Some(_) => {}
            None => plan.errors.push(format!(
                "{} cannot enter {path}: check why, then sudo chmod o+x {path}",
                paths.group,
                path = obstacle.path.display()
            )),
        }
    }
    for entry in POLICY_FILES {
        let path = entry.path_in(&paths.etc);
        match plan.stat(&path) {
            Some(Some(_)) => plan.plan_owner_and_mode(entry, path, paths),
            Some(None) if entry.absence == Absence::Created => {
                plan.actions.push(Action::Create(path.clone(), entry.mode));
                plan.set_right(entry, path, paths);
            }
            Some(None) | None => {}
        }
    }
    plan.plugins(&PLUGINS.path_in(&paths.etc), paths);
    if let Some(problem) = cache_problem(paths) {
        // its contents may be anybody's, whatever its present owner and mode
        plan.errors.push(format!(
            "{problem}: remove it (sudo rm -r {}) and run: sudo opkssh server install",
            paths.cache.display()
        ));
    }
    plan
}

impl Plan {
    /// Returns the present owner and mode; `None`, and an error in the plan, if they are unknown.
    fn stat(&mut self, path: &Path) -> Option<Option<Stat>> {
        stat(path).map_err(|error| self.fail(path, error)).ok()
    }

    fn fail(&mut self, path: &Path, error: impl fmt::Display) {
        self.errors.push(format!("{}: {error}", path.display()));
    }

    /// Plans owner and mode for a file that only root could have written: otherwise others'
    /// contents would gain effect.
    fn plan_owner_and_mode(&mut self, entry: &FileEntry, path: PathBuf, paths: &ServerPaths) {
        match stat(&path) {
            Ok(Some(stat)) if open_to_others(&stat) => self.errors.push(format!(
                "{path} could be changed by others than root: review its contents, then sudo \
                 chown root {path}; sudo chmod {:o} {path}; and run fix again",
                entry.mode,
                path = path.display()
            )),
            _ => self.set_right(entry, path, paths),
        }
    }

    fn set_right(&mut self, entry: &FileEntry, path: PathBuf, paths: &ServerPaths) {
        self.actions.push(Action::Mode(path.clone(), entry.mode));
        self.actions.push(Action::Owner(path, paths.group.clone()));
    }

    fn plugins(&mut self, directory: &Path, paths: &ServerPaths) {
        let owner = Action::Owner(directory.to_owned(), paths.group.clone());
        match self.stat(directory) {
            None => return,
            Some(None) => {
                let made = Action::Directory(directory.to_owned(), PLUGINS.mode);
                self.actions.push(made);
                self.actions.push(owner);
                return;
            }
            Some(Some(stat)) => {
                if open_to_others(&stat) {
                    // others' files must not become root's and be run
                    self.errors.push(format!(
                        "{path} can be changed by others than root: review its plugins, then \
                         sudo chown root {path}; sudo chmod 750 {path}; and run fix again",
                        path = directory.display()
                    ));
                    return;
                }
                if !PLUGINS.accepted_modes.contains(&mode(&stat)) {
                    self.actions
                        .push(Action::Mode(directory.to_owned(), PLUGINS.mode));
                }
            }
        }
        match plugin_files(directory) {
            Ok(files) => files
                .into_iter()
                .for_each(|path| self.plan_owner_and_mode(&PLUGIN, path, paths)),
            Err(error) => self.fail(directory, error),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(path, _) => write!(f, "create file: {}", path.display()),
            Self::Directory(path, _) => write!(f, "mkdir {}", path.display()),
            Self::Mode(path, mode) => write!(f, "chmod {} to {}", path.display(), letters(*mode)),
            Self::Owner(path, group) => write!(f, "chown {} to root:{group}", path.display()),
        }
    }
}

/// Returns a mode like `-rw-r-----`, as Go prints it.
fn letters(mode: u32) -> String {
    let bits = (0..9).rev().zip("rwx".chars().cycle());
    let letter = |(bit, letter): (u32, char)| if mode & (1 << bit) == 0 { '-' } else { letter };
    std::iter::once('-').chain(bits.map(letter)).collect()
}

pub fn apply(action: &Action) -> Result<(), String> {
    let failed = |errno: Errno| format!("{action}: {}", io::Error::from(errno));
    match action {
        Action::Create(path, mode) => {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let mode = Mode::from_raw_mode(*mode);
            rustix::fs::open(path, flags, mode)
                .map(drop)
                .map_err(failed)
        }
        Action::Directory(path, mode) => {
            rustix::fs::mkdir(path, Mode::from_raw_mode(*mode)).map_err(failed)
        }
        Action::Mode(path, mode) => {
            let file = open(path, action)?;
            rustix::fs::fchmod(file, Mode::from_raw_mode(*mode)).map_err(failed)
        }
        Action::Owner(path, group) => {
            let gid = account::find_group(group)
                .ok_or_else(|| format!("chown {}: group: unknown group {group}", path.display()))?;
            let file = open(path, action)?;
            rustix::fs::fchown(file, Some(Uid::ROOT), Some(Gid::from_raw(gid))).map_err(failed)
        }
    }
}

/// Opens a regular file or a directory without other names: a hard link planted in the directory
/// must not give another file to the group.
fn open(path: &Path, action: &Action) -> Result<OwnedFd, String> {
    let failed = |errno: Errno| format!("{action}: {}", io::Error::from(errno));
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let refused = |why: &str| format!("{}{why}", path.display());
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::LOOP => refused(" is a symlink: set mode and owner of what it leads to yourself"),
        errno => failed(errno),
    })?;
    let stat = rustix::fs::fstat(&file).map_err(failed)?;
    // it was like this when the step was planned, so that nobody can put another file in its place
    if open_to_others(&stat) {
        return Err(refused(
            " could be changed by others than root: review its contents",
        ));
    }
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile if stat.st_nlink > 1 => Err(refused(
            ": the file has other names, so it may be another's",
        )),
        FileType::RegularFile | FileType::Directory => Ok(file),
        _ => Err(refused(": neither a regular file nor a directory")),
    }
}

#[cfg(test)]
mod tests;
