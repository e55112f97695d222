//! Reads `policy.d`: only files that root alone can change are used.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Description;
use crate::etc::{self, PLUGIN};

/// Largest mode of the directory and of programs.
const MODE: u32 = 0o755;
const STICKY: u32 = 0o1000;

/// The usable plugins, in the order of their file names.
#[derive(Debug, Default)]
pub struct Plugins {
    pub(super) all: Vec<Plugin>,
    /// Reasons for skipping plugins, each for one plugin only.
    pub problems: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Plugin {
    pub description: Description,
    /// The program's resolved path: the checked file is the one that runs.
    pub program: PathBuf,
}

impl Plugins {
    /// Returns true if the admin has configured plugins, usable or not.
    pub fn are_configured(&self) -> bool {
        !self.all.is_empty() || !self.problems.is_empty()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Reads the `*.yml` files of a directory; a missing directory has no plugins.
pub fn load(directory: &Path) -> Plugins {
    let mut plugins = Plugins::default();
    match files_of(directory) {
        Ok(files) => {
            for path in files {
                match plugin(&path) {
                    Ok(plugin) => plugins.all.push(plugin),
                    Err(problem) => plugins
                        .problems
                        .push(format!("plugin {} is not asked: {problem}", path.display())),
                }
            }
        }
        Err(problem) => plugins
            .problems
            .push(format!("no plugin is asked: {problem}")),
    }
    plugins
}

fn files_of(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: io::Error| format!("{}: {error}", directory.display());
    match fs::metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) => check_owner_and_mode(directory, &metadata)?,
    }
    etc::plugin_files(directory).map_err(failed)
}

fn plugin(path: &Path) -> Result<Plugin, String> {
    let bytes = PLUGIN.read(path).map_err(|error| error.to_string())?;
    let description = Description::parse(&bytes)?;
    let program = program(Path::new(&description.program))?;
    Ok(Plugin {
        description,
        program,
    })
}

/// Checks the program and every parent directory, as sshd does for its own commands.
fn program(path: &Path) -> Result<PathBuf, String> {
    let failed = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    let program = fs::canonicalize(path).map_err(|error| failed(path, error))?;
    let metadata = fs::metadata(&program).map_err(|error| failed(&program, error))?;
    if !metadata.is_file() {
        return Err(format!("{} is not a regular file", program.display()));
    }
    check_owner_and_mode(&program, &metadata)?;
    for directory in program.ancestors().skip(1) {
        let metadata = fs::metadata(directory).map_err(|error| failed(directory, error))?;
        // in a sticky directory such as /tmp, others cannot rename the files
        if metadata.permissions().mode() & STICKY == 0 || !is_trusted(metadata.uid()) {
            check_owner_and_mode(directory, &metadata)?;
        }
    }
    Ok(program)
}

fn check_owner_and_mode(path: &Path, metadata: &fs::Metadata) -> Result<(), String> {
    if !is_trusted(metadata.uid()) {
        return Err(format!(
            "{} has the wrong owner: expected root, got uid {}",
            path.display(),
            metadata.uid()
        ));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & !MODE != 0 {
        return Err(format!(
            "{} has insecure permissions: expected {MODE:o} or stricter, got {mode:o}",
            path.display()
        ));
    }
    Ok(())
}

fn is_trusted(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests;
