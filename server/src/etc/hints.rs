//! The next command for a file that cannot be read or changed.

use std::io;
use std::path::Path;

use super::{ACCOUNT, DIRECTORY};
use crate::account;
use crate::files::FileError;
use crate::table;

/// Hint on a host without the files and the account of `server install`.
pub const NOT_SET_UP: &str = "run: sudo opkssh server install";

/// Returns the next command for a file that verify's account cannot read; `mode` is the mode it
/// should have.
pub fn hint_for(error: &FileError, mode: u32) -> Option<String> {
    // a command that names a group that does not exist would fail
    let set_up = |command: String| match account::find_group(ACCOUNT) {
        Some(_) => command,
        None => NOT_SET_UP.to_owned(),
    };
    Some(match error {
        FileError::Mode { path, .. } => format!("run: sudo chmod {mode:o} {}", path.display()),
        FileError::Owner { path, .. } => {
            set_up(format!("run: sudo chown root:{ACCOUNT} {}", path.display()))
        }
        FileError::Io { path, .. } if error.is_not_found() => match missing_directory(path) {
            Some(hint) => hint,
            None => set_up(format!(
                "run: sudo install -m {mode:o} -o root -g {ACCOUNT} /dev/null {}",
                path.display()
            )),
        },
        FileError::Io { path, .. } if error.is_permission_denied() => {
            set_up(format!("run: sudo chgrp {ACCOUNT} {}", path.display()))
        }
        _ => return None,
    })
}

/// Returns the next command for a file that an admin command cannot read.
pub fn admin_hint(error: &FileError, mode: u32) -> Option<String> {
    match needs_root(error) {
        true => Some(as_root()),
        false => hint_for(error, mode),
    }
}

/// Returns true if root could read the file, and neither this process nor verify can.
pub fn needs_root(error: &FileError) -> bool {
    matches!(error, FileError::Io { error, .. } if is_for_root(error))
}

/// Returns the next command after an error of an admin command that changes `path`.
pub fn hint_for_change(path: &Path, error: &io::Error) -> Option<String> {
    match error.kind() {
        io::ErrorKind::NotFound => missing_directory(path),
        _ => is_for_root(error).then(as_root),
    }
}

/// Returns true if root could do it: this process is neither root nor verify.
pub fn is_for_root(error: &io::Error) -> bool {
    let uid = rustix::process::geteuid();
    error.kind() == io::ErrorKind::PermissionDenied
        && error.raw_os_error().is_some()
        && !uid.is_root()
        && account::name_of(uid.as_raw()) != ACCOUNT
}

/// Returns the hint to run this command again as root.
pub fn as_root() -> String {
    let words = std::env::args_os().skip(1);
    let words = words.map(|word| table::quote(&word.to_string_lossy()));
    format!(
        "run as root: sudo opkssh {}",
        words.collect::<Vec<_>>().join(" ")
    )
}

/// Returns the option that names this directory, with a blank before it; empty for the usual one.
pub fn option(etc: &Path) -> String {
    match etc == Path::new(DIRECTORY) {
        true => String::new(),
        false => format!(" --etc {}", table::quote(&etc.to_string_lossy())),
    }
}

fn missing_directory(path: &Path) -> Option<String> {
    let directory = path.parent()?;
    if directory == Path::new(DIRECTORY) {
        let is_set_up = directory.exists() && account::find_group(ACCOUNT).is_some();
        return (!is_set_up).then(|| NOT_SET_UP.to_owned());
    }
    (!directory.exists()).then(|| "name an existing directory with --etc".to_owned())
}
