//! Table of every file with a fixed path that the server reads or creates: path, owner, mode,
//! whether it is required, and contents. Used by `verify`, `audit`, `permissions` and `install`.

mod hints;
mod load;

pub use hints::{
    NOT_SET_UP, admin_hint, as_root, hint_for, hint_for_change, is_for_root, needs_root, option,
};
pub use load::{EtcError, load_config, load_providers, load_revoked, load_rules, load_settings};

use std::io;
use std::path::{Path, PathBuf};

use crate::files::{self, FileConditions, FileError};

/// Directory of the policy files, unless `--etc` is given.
pub const DIRECTORY: &str = "/etc/opk";
/// Account and group that sshd runs verify as; the name in Go's documentation.
pub const ACCOUNT: &str = "opksshuser";
/// Log file of verify.
pub const LOG: &str = "/var/log/opkssh.log";
/// Key cache created by `server install`.
pub const CACHE: &str = "/var/cache/opkssh";

#[derive(Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Absolute, or below the policy directory; empty for that directory itself.
    pub path: &'static str,
    pub owner: EntryOwner,
    /// The owner's group, or the group of verify.
    pub group: EntryOwner,
    /// Mode set by install and `permissions fix`.
    pub mode: u32,
    /// Modes accepted by `permissions check`.
    pub accepted_modes: &'static [u32],
    pub absence: Absence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryOwner {
    Root,
    /// The account that verify runs as.
    Verify,
}

/// Handling of a missing file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// `permissions check` reports it.
    Reported,
    /// `permissions check` reports it, and `permissions fix` creates it.
    Created,
    /// Not reported.
    Accepted,
}

const fn policy_file(path: &'static str, absence: Absence) -> FileEntry {
    FileEntry {
        path,
        owner: EntryOwner::Root,
        group: EntryOwner::Verify,
        mode: 0o640,
        accepted_modes: &[0o640],
        absence,
    }
}

const fn policy_directory(path: &'static str, absence: Absence) -> FileEntry {
    FileEntry {
        mode: 0o750,
        accepted_modes: &[0o700, 0o750, 0o755],
        ..policy_file(path, absence)
    }
}

const fn system_file(path: &'static str, mode: u32) -> FileEntry {
    FileEntry {
        path,
        owner: EntryOwner::Root,
        group: EntryOwner::Root,
        mode,
        accepted_modes: &[],
        absence: Absence::Accepted,
    }
}

pub static ETC: FileEntry = policy_directory("", Absence::Reported);
/// Rows of account, identity and issuer.
pub static AUTH_ID: FileEntry = policy_file("auth_id", Absence::Created);
pub static PROVIDERS: FileEntry = policy_file("providers", Absence::Reported);
/// Go's server configuration.
pub static CONFIG: FileEntry = policy_file("config.yml", Absence::Accepted);
pub static RULES: FileEntry = policy_file("rules.yml", Absence::Accepted);
pub static REVOKED: FileEntry = policy_file("revoked.yml", Absence::Accepted);
/// The additional server configuration.
pub static SETTINGS: FileEntry = policy_file("server.yml", Absence::Accepted);
pub static PLUGINS: FileEntry = policy_directory("policy.d", Absence::Created);
/// Each `*.yml` in [`PLUGINS`].
pub static PLUGIN: FileEntry = policy_file("policy.d/*.yml", Absence::Accepted);
pub static LOG_FILE: FileEntry = FileEntry {
    group: EntryOwner::Verify,
    ..system_file(LOG, 0o660)
};
pub static KEY_CACHE: FileEntry = FileEntry {
    owner: EntryOwner::Verify,
    group: EntryOwner::Verify,
    ..system_file(CACHE, 0o700)
};
pub static SUDOERS: FileEntry = system_file("/etc/sudoers.d/opkssh", 0o440);
pub static CACHE_SERVICE: FileEntry =
    system_file("/etc/systemd/system/opkssh-cache.service", 0o644);
pub static CACHE_TIMER: FileEntry = system_file("/etc/systemd/system/opkssh-cache.timer", 0o644);
pub static DROP_IN: FileEntry = system_file("/etc/ssh/sshd_config.d/60-opkssh.conf", 0o644);
pub static LOGROTATE: FileEntry = system_file("/etc/logrotate.d/opkssh", 0o644);

/// The policy files, in the order of Go's `permissions check`.
pub static POLICY_FILES: [&FileEntry; 6] =
    [&AUTH_ID, &PROVIDERS, &CONFIG, &RULES, &REVOKED, &SETTINGS];

impl FileEntry {
    /// Returns the path; `etc` is the policy directory.
    pub fn path_in(&self, etc: &Path) -> PathBuf {
        match self.path {
            "" => etc.to_owned(),
            path => etc.join(path),
        }
    }

    /// Returns the path on a server with the documented setup.
    pub fn path(&self) -> PathBuf {
        self.path_in(Path::new(DIRECTORY))
    }

    /// Reads a file of this kind at `path`. Fails if owner or mode let others change it.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, FileError> {
        files::read(path, self.demands())
    }

    /// Reads a file of this kind at `path` in pieces of whole lines, which are passed to `take`.
    pub fn read_lines(&self, path: &Path, take: impl FnMut(&[u8])) -> Result<(), FileError> {
        files::read_lines(path, self.demands(), take)
    }

    /// Reads a file of this kind at `path`; `None` if there is none.
    pub fn read_if_there(&self, path: &Path) -> Result<Option<Vec<u8>>, FileError> {
        files::read_if_there(path, self.demands())
    }

    /// Reads a file of this kind for a report, whatever its owner and mode.
    pub fn read_distrusted(&self, path: &Path) -> Result<Vec<u8>, FileError> {
        files::read(path, FileConditions::NONE)
    }

    fn demands(&self) -> FileConditions {
        FileConditions {
            owner: files::Owner::RootOrOurselves,
            mode: self.mode,
        }
    }
}

/// Returns the plugin files in a `policy.d`, sorted by name; empty if the directory is missing.
pub fn plugin_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let is_yml = entry.file_name().as_encoded_bytes().ends_with(b".yml");
        if is_yml && !entry.path().is_dir() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}
