//! Every file that the server reads or makes: path, owner, mode, whether it may be missing, and
//! what its text must parse as. `verify`, `audit`, `permissions` and `install` all read this table.

mod account;
mod content;
mod load;

pub use account::ACCOUNT;
pub use content::Content;
pub use load::{
    EtcError, Unusable, load_config, load_providers, load_revoked, load_rules, load_settings,
};

use std::path::{Path, PathBuf};

use crate::files::{self, Demands, FileError};

/// Directory of the policy files, unless `--etc` names another.
pub const DIRECTORY: &str = "/etc/opk";
/// Log file of verify.
pub const LOG: &str = "/var/log/opkssh.log";
/// Key cache that `server install` makes.
pub const CACHE: &str = "/var/cache/opkssh";

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    pub location: Location,
    pub owner: Owner,
    pub group: Group,
    /// Mode that install and `permissions fix` set.
    pub mode: u32,
    /// Modes that `permissions check` accepts.
    pub accepted_modes: &'static [u32],
    pub absence: Absence,
    pub content: Content,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// Name in the policy directory; empty for the directory itself.
    Etc(&'static str),
    /// Absolute path.
    System(&'static str),
    /// Path below the home directory of an account.
    Home(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Root,
    /// The account that verify runs as.
    Verify,
    /// The account whose home it is in.
    Home,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Root,
    /// The group that verify runs in.
    Verify,
    /// Any group.
    Any,
}

/// What it means that the file is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// `permissions check` reports it.
    Reported,
    /// `permissions check` reports it, and `permissions fix` makes it.
    Mended,
    /// Says nothing.
    Accepted,
}

const fn policy_file(name: &'static str, absence: Absence, content: Content) -> Entry {
    Entry {
        location: Location::Etc(name),
        owner: Owner::Root,
        group: Group::Verify,
        mode: 0o640,
        accepted_modes: &[0o640],
        absence,
        content,
    }
}

const fn system_file(path: &'static str, mode: u32, content: Content) -> Entry {
    Entry {
        location: Location::System(path),
        owner: Owner::Root,
        group: Group::Root,
        mode,
        accepted_modes: &[],
        absence: Absence::Accepted,
        content,
    }
}

pub static ETC: Entry = Entry {
    location: Location::Etc(""),
    mode: 0o750,
    accepted_modes: &[0o700, 0o750, 0o755],
    ..policy_file("", Absence::Reported, Content::Directory)
};
pub static AUTH_ID: Entry = policy_file("auth_id", Absence::Mended, Content::Rows);
pub static PROVIDERS: Entry = policy_file("providers", Absence::Reported, Content::Providers);
pub static CONFIG: Entry = policy_file("config.yml", Absence::Accepted, Content::Config);
pub static RULES: Entry = policy_file("rules.yml", Absence::Accepted, Content::Rules);
pub static REVOKED: Entry = policy_file("revoked.yml", Absence::Accepted, Content::Revoked);
pub static SETTINGS: Entry = policy_file("server.yml", Absence::Accepted, Content::Settings);
pub static PLUGINS: Entry = Entry {
    mode: 0o750,
    accepted_modes: &[0o700, 0o750, 0o755],
    ..policy_file("policy.d", Absence::Mended, Content::Directory)
};
/// Each `*.yml` in [`PLUGINS`].
pub static PLUGIN: Entry = policy_file("policy.d/*.yml", Absence::Accepted, Content::Plugin);
pub static HOME_AUTH_ID: Entry = Entry {
    location: Location::Home(".opk/auth_id"),
    owner: Owner::Home,
    group: Group::Any,
    mode: 0o600,
    accepted_modes: &[],
    absence: Absence::Accepted,
    content: Content::Rows,
};
pub static LOG_FILE: Entry = Entry {
    group: Group::Verify,
    ..system_file(LOG, 0o660, Content::Log)
};
pub static KEY_CACHE: Entry = Entry {
    owner: Owner::Verify,
    group: Group::Verify,
    ..system_file(CACHE, 0o700, Content::Directory)
};
pub static SUDOERS: Entry = system_file("/etc/sudoers.d/opkssh", 0o440, Content::Sudoers);
pub static CACHE_SERVICE: Entry = system_file(
    "/etc/systemd/system/opkssh-cache.service",
    0o644,
    Content::Unit,
);
pub static CACHE_TIMER: Entry = system_file(
    "/etc/systemd/system/opkssh-cache.timer",
    0o644,
    Content::Unit,
);
pub static DROP_IN: Entry = system_file(
    "/etc/ssh/sshd_config.d/60-opkssh.conf",
    0o644,
    Content::SshdConfig,
);

pub static LOGROTATE: Entry = system_file("/etc/logrotate.d/opkssh", 0o644, Content::Logrotate);

/// The policy files, in the order in which Go's `permissions check` names them.
pub static POLICY_FILES: [&Entry; 6] = [&AUTH_ID, &PROVIDERS, &CONFIG, &RULES, &REVOKED, &SETTINGS];

impl Entry {
    /// Returns the path, with `etc` as the policy directory.
    pub fn path_in(&self, etc: &Path) -> PathBuf {
        match self.location {
            Location::Etc("") => etc.to_owned(),
            Location::Etc(name) | Location::Home(name) => etc.join(name),
            Location::System(path) => PathBuf::from(path),
        }
    }

    /// Returns the path on a server that is set up as documented.
    pub fn path(&self) -> PathBuf {
        self.path_in(Path::new(DIRECTORY))
    }

    /// Reads a file of this kind at `path`. Fails if its owner or mode lets others change it.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, FileError> {
        files::read(path, self.demands())
    }

    /// Reads a file of this kind at `path` in pieces of whole lines, which go to `take`.
    pub fn read_lines(&self, path: &Path, take: impl FnMut(&[u8])) -> Result<(), FileError> {
        files::read_lines(path, self.demands(), take)
    }

    /// Reads a file of this kind at `path`; `None` where there is none.
    pub fn read_if_there(&self, path: &Path) -> Result<Option<Vec<u8>>, FileError> {
        files::read_if_there(path, self.demands())
    }

    fn demands(&self) -> Demands {
        Demands {
            owner: files::Owner::RootOrOurselves,
            mode: self.mode,
        }
    }
}
