//! `opkssh login --create-config`.

use std::io;
use std::path::{Path, PathBuf};

use opkssh_files::Writer;
use opkssh_protocol::config::default_file;
use opkssh_protocol::places::Places;

use crate::error::ClientError;

/// The result of [`create_config`].
#[derive(Debug, PartialEq, Eq)]
pub enum ConfigFile {
    Created(PathBuf),
    /// The file existed and was not changed.
    Exists(PathBuf),
}

/// Writes the built-in configuration to `explicit`, by default `~/.opk/config.yml`, with the modes
/// of Go's client: 0644, directory 0755. An existing file is not changed.
pub fn create_config(explicit: Option<&Path>, places: &Places) -> Result<ConfigFile, ClientError> {
    let files = places.config_files();
    // a new file would hide one that counts now
    let counts = files.iter().find(|file| file.exists());
    let default = counts.unwrap_or(&files[0]).clone();
    let file = explicit.map_or(default, Path::to_path_buf);
    let failed = || ClientError::io(format!("failed to create config file {}", file.display()));
    if let Some(directory) = file.parent().filter(|path| !path.as_os_str().is_empty()) {
        std::fs::create_dir_all(directory).map_err(failed())?;
    }
    match Writer::less_umask(0o644).create(&file, default_file().as_bytes()) {
        Ok(()) => Ok(ConfigFile::Created(file)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(ConfigFile::Exists(file)),
        Err(error) => Err(failed()(error)),
    }
}
