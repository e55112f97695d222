//! The steps that set modes and owners right.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::Stat;

use super::{Place, cache_problem, mode, obstacles_of_verify, open_to_others, stat};
use crate::etc::{Absence, ETC, FileEntry, LOG_FILE, PLUGIN, PLUGINS, POLICY_FILES, plugin_files};

/// One step. Its text is Go's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Create(PathBuf, u32),
    Directory(PathBuf, u32),
    Mode(PathBuf, u32),
    /// To root and this group.
    Owner(PathBuf, String),
}

/// What to do, and what is left to a person.
#[derive(Debug, Default)]
pub struct Plan {
    pub actions: Vec<Action>,
    pub errors: Vec<String>,
}

/// Looks at the files and plans. Changes nothing.
pub fn plan(place: &Place) -> Plan {
    let mut plan = Plan::default();
    if let Ok(Some(etc)) = stat(&place.etc)
        && open_to_others(&etc)
    {
        // giving it to root would make rules of what somebody else wrote
        plan.errors.push(format!(
            "{etc} can be changed by others than root: look at what is in it, then chown root \
             {etc}; chmod 750 {etc}; and run fix again",
            etc = place.etc.display()
        ));
        return plan;
    }
    for obstacle in obstacles_of_verify(place) {
        match obstacle.entry {
            // the loop below sets the files right
            Some(entry) if entry == &ETC || entry == &LOG_FILE => {
                plan.set_right_if_roots(entry, obstacle.path, place);
            }
            Some(_) => {}
            None => plan.errors.push(format!(
                "{} cannot enter {path}: look why, then sudo chmod o+x {path}",
                place.group,
                path = obstacle.path.display()
            )),
        }
    }
    for entry in POLICY_FILES {
        let path = entry.path_in(&place.etc);
        match plan.look(&path) {
            Some(true) => plan.set_right_if_roots(entry, path, place),
            Some(false) if entry.absence == Absence::Created => {
                plan.actions.push(Action::Create(path.clone(), entry.mode));
                plan.set_right(entry, path, place);
            }
            Some(false) | None => {}
        }
    }
    plan.plugins(&PLUGINS.path_in(&place.etc), place);
    if let Some(problem) = cache_problem(place) {
        // what is in it may be anybody's, whatever owner and mode it is given now
        plan.errors.push(format!(
            "{problem}: remove it (sudo rm -r {}) and run: sudo opkssh server install",
            place.cache.display()
        ));
    }
    plan
}

impl Plan {
    /// Is it there? `None`, and an error, if that cannot be told.
    fn look(&mut self, path: &Path) -> Option<bool> {
        self.stat(path).map(|stat| stat.is_some())
    }

    fn stat(&mut self, path: &Path) -> Option<Option<Stat>> {
        match stat(path) {
            Ok(stat) => Some(stat),
            Err(error) => {
                self.fail(path, error);
                None
            }
        }
    }

    fn fail(&mut self, path: &Path, error: io::Error) {
        self.errors.push(format!("{}: {error}", path.display()));
    }

    /// What others could have written must not become root's: it would count from then on.
    fn set_right_if_roots(&mut self, entry: &FileEntry, path: PathBuf, place: &Place) {
        match stat(&path) {
            Ok(Some(stat)) if open_to_others(&stat) => self.errors.push(format!(
                "{path} could be changed by others than root: look at what is in it, then sudo \
                 chown root {path}; sudo chmod {:o} {path}; and run fix again",
                entry.mode,
                path = path.display()
            )),
            _ => self.set_right(entry, path, place),
        }
    }

    fn set_right(&mut self, entry: &FileEntry, path: PathBuf, place: &Place) {
        self.actions.push(Action::Mode(path.clone(), entry.mode));
        self.actions.push(Action::Owner(path, place.group.clone()));
    }

    fn plugins(&mut self, directory: &Path, place: &Place) {
        let owner = Action::Owner(directory.to_owned(), place.group.clone());
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
                    // what others put there must not become root's, and so be run
                    self.errors.push(format!(
                        "{path} can be changed by others than root: look at the plugins in it, then \
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
                .for_each(|path| self.set_right_if_roots(&PLUGIN, path, place)),
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

/// `-rw-r-----`, as Go prints a mode.
fn letters(mode: u32) -> String {
    let bits = (0..9)
        .rev()
        .zip("rwx".chars().cycle())
        .map(
            |(bit, letter)| {
                if mode & (1 << bit) == 0 { '-' } else { letter }
            },
        );
    std::iter::once('-').chain(bits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_in_letters() {
        assert_eq!(letters(0o640), "-rw-r-----");
        assert_eq!(letters(0o751), "-rwxr-x--x");
    }
}
