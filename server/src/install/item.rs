//! Creates files and directories with their final owner and mode. Never changes what the admin
//! made.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use opkssh_files::Writer;

use super::{Identity, MARK};
use crate::admin_error::AdminError;
use crate::etc::{ACCOUNT, EntryOwner, FileEntry};

/// A file or directory of the installation.
pub struct InstallItem {
    pub path: PathBuf,
    pub kind: Kind,
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    /// `OWNER:GROUP` by name; the account may not exist yet.
    pub owner: String,
}

pub enum Kind {
    /// Created if missing, otherwise unchanged.
    Directory,
    /// Like [`Kind::Directory`], but owner and mode are corrected.
    OwnDirectory,
    /// Created with this text if missing, otherwise unchanged.
    Given(String),
    /// A file with our first line; replaced if the text differs.
    Written(String),
    /// Like [`Kind::Written`], but an existing file without our first line stays.
    Offered(String),
}

impl InstallItem {
    pub fn new(entry: &FileEntry, account: Identity, kind: Kind) -> Self {
        let id = |owner, id| if owner == EntryOwner::Root { 0 } else { id };
        let name = |owner| {
            if owner == EntryOwner::Root {
                "root"
            } else {
                ACCOUNT
            }
        };
        Self {
            path: entry.path(),
            kind,
            uid: id(entry.owner, account.uid),
            gid: id(entry.group, account.gid),
            mode: entry.mode,
            owner: format!("{}:{}", name(entry.owner), name(entry.group)),
        }
    }

    /// Creates the item, or in a dry run says so. Returns true if something changed or would
    /// change.
    pub fn ensure(&self, rehearsal: bool, say: &mut dyn FnMut(&str)) -> Result<bool, AdminError> {
        let shown = self.path.display();
        match fs::symlink_metadata(&self.path) {
            Ok(metadata) if metadata.is_file() && self.report_unmanaged(say)? => {
                return Ok(false);
            }
            Ok(metadata) if self.is_in_order(&metadata)? => {
                say(&format!("{shown} exists."));
                return Ok(false);
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(AdminError::at(&self.path)(error)),
        }
        let (mode, owner) = (self.mode, &self.owner);
        if rehearsal {
            say(&format!("Would write {shown} (mode {mode:o}, {owner})."));
            return Ok(true);
        }
        let writer = Writer::exact(self.mode).owned_by(self.uid, self.gid);
        match &self.kind {
            Kind::Directory | Kind::OwnDirectory => self.make_directory(),
            Kind::Given(text) => writer.create(&self.path, text.as_bytes()),
            Kind::Written(text) | Kind::Offered(text) => {
                writer.replace(&self.path, text.as_bytes())
            }
        }
        .map_err(AdminError::at(&self.path))?;
        say(&format!("Wrote {shown} (mode {mode:o}, {owner})."));
        Ok(true)
    }

    /// Returns the contents of the file; empty for a directory.
    pub fn text(&self) -> &str {
        match &self.kind {
            Kind::Directory | Kind::OwnDirectory => "",
            Kind::Given(text) | Kind::Written(text) | Kind::Offered(text) => text,
        }
    }

    /// Returns true if this process may not see what is there.
    pub fn is_hidden(&self) -> bool {
        let is_denied = |error: io::Error| error.kind() == ErrorKind::PermissionDenied;
        match fs::symlink_metadata(&self.path) {
            Err(error) => is_denied(error),
            // only the text of these is looked at
            Ok(found) if found.is_file() && !matches!(self.kind, Kind::Given(_)) => {
                File::open(&self.path).is_err_and(is_denied)
            }
            Ok(_) => false,
        }
    }

    fn is_in_order(&self, metadata: &fs::Metadata) -> Result<bool, AdminError> {
        let wrong = || {
            let path = self.path.display();
            AdminError::new(format!("{path} exists, but is not of the required type"))
        };
        match &self.kind {
            Kind::Directory if metadata.is_dir() || self.path.is_dir() => Ok(true),
            Kind::OwnDirectory if metadata.is_dir() => Ok(metadata.uid() == self.uid
                && metadata.gid() == self.gid
                && metadata.mode() & 0o7777 == self.mode),
            // an admin may have linked it elsewhere
            Kind::Given(_) if !self.path.is_dir() => Ok(true),
            Kind::Written(text) | Kind::Offered(text) if metadata.is_file() => {
                let found = fs::read_to_string(&self.path).map_err(AdminError::at(&self.path))?;
                if !found.starts_with(MARK) {
                    return Err(wrong());
                }
                Ok(found == *text)
            }
            _ => Err(wrong()),
        }
    }

    /// Reports that a file is the admin's, and which of our rows it lacks.
    fn report_unmanaged(&self, say: &mut dyn FnMut(&str)) -> Result<bool, AdminError> {
        let Kind::Offered(text) = &self.kind else {
            return Ok(false);
        };
        let found = fs::read(&self.path).map_err(AdminError::at(&self.path))?;
        let found = String::from_utf8_lossy(&found);
        if found.starts_with(MARK) {
            return Ok(false);
        }
        say(&format!(
            "{} was not written by opkssh and stays.",
            self.path.display()
        ));
        // a copy of the file in contrib
        if text.strip_prefix(MARK) == Some(found.as_ref()) {
            return Ok(true);
        }
        for row in text.lines().filter(|row| !row.starts_with('#')) {
            if !found.lines().any(|line| line.trim() == row) {
                say(&format!("Check that it contains the equivalent of: {row}"));
            }
        }
        Ok(true)
    }

    fn make_directory(&self) -> io::Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(&self.path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        chown(&self.path, Some(self.uid), Some(self.gid))?;
        fs::set_permissions(&self.path, Permissions::from_mode(self.mode))
    }
}

/// Returns true if the file has our first line.
pub fn written_by_us(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.starts_with(MARK))
}

/// Removes a file with our first line; other files stay. Returns true if it was or would be
/// removed.
pub fn remove_ours(path: &Path, rehearsal: bool, say: &mut dyn FnMut(&str)) -> io::Result<bool> {
    let shown = path.display();
    if !written_by_us(path) {
        if path.exists() {
            say(&format!("{shown} was not written by opkssh and stays."));
        }
        return Ok(false);
    }
    if rehearsal {
        say(&format!("Would remove {shown}."));
        return Ok(true);
    }
    fs::remove_file(path)?;
    say(&format!("Removed {shown}."));
    Ok(true)
}

#[cfg(test)]
mod tests;
