//! Reads and parses the policy files.

use std::path::{Path, PathBuf};

use super::{CONFIG, FileEntry, PROVIDERS, REVOKED, RULES, SETTINGS, hint_for};
use crate::config::ServerConfig;
use crate::files::FileError;
use crate::policy::revoked::Revoked;
use crate::policy::rules::Rules;
use crate::providers::Providers;
use crate::settings::Settings;

/// A policy file that exists or is required, and cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", entry.content.failure())]
pub struct EtcError {
    pub entry: &'static FileEntry,
    pub problem: Unusable,
}

#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("{0}")]
    File(#[from] FileError),
    #[error("{path}: {reason}", path = path.display())]
    Text { path: PathBuf, reason: String },
}

impl EtcError {
    /// Returns true if the fallback command may still accept the key: the file could not have
    /// denied it.
    pub fn allows_fallback(&self) -> bool {
        !self.entry.content.can_deny()
    }

    /// Returns the next command to run.
    pub fn hint(&self) -> Option<String> {
        match &self.problem {
            Unusable::File(error) => hint_for(error, self.entry.mode),
            Unusable::Text { path, .. } => Some(format!("Run: sudoedit {}", path.display())),
        }
    }
}

/// Reads `providers`. A bad row affects only its issuer, and is in the result's problems.
pub fn load_providers(path: &Path) -> Result<Providers, EtcError> {
    let bytes = PROVIDERS
        .read(path)
        .map_err(|error| unusable(&PROVIDERS, error))?;
    Ok(Providers::parse(&path.display().to_string(), &bytes))
}

/// Reads `config.yml` of `etc`, or the file `named` instead. Only the first may be missing.
pub fn load_config(etc: &Path, named: Option<&Path>) -> Result<ServerConfig, EtcError> {
    let parse = |bytes: &[u8], _: &str| ServerConfig::parse(bytes);
    match named {
        None => load_optional(&CONFIG, etc, parse),
        Some(path) => {
            let bytes = CONFIG
                .read(path)
                .map_err(|error| unusable(&CONFIG, error))?;
            parsed(&CONFIG, path, &bytes, parse)
        }
    }
}

/// Reads `server.yml` of `etc`.
pub fn load_settings(etc: &Path) -> Result<Settings, EtcError> {
    load_optional(&SETTINGS, etc, |bytes, _| Settings::parse(bytes))
}

/// Reads `revoked.yml` of `etc`.
pub fn load_revoked(etc: &Path) -> Result<Revoked, EtcError> {
    load_optional(&REVOKED, etc, |bytes, _| Revoked::parse(bytes))
}

/// Reads `rules.yml` of `etc`.
pub fn load_rules(etc: &Path) -> Result<Rules, EtcError> {
    load_optional(&RULES, etc, |bytes, path| Rules::parse(path, bytes))
}

/// Reads an optional file; missing is the same as empty.
fn load_optional<T: Default, E: ToString>(
    entry: &'static FileEntry,
    etc: &Path,
    parse: impl FnOnce(&[u8], &str) -> Result<T, E>,
) -> Result<T, EtcError> {
    let path = entry.path_in(etc);
    match entry.read_if_there(&path) {
        Ok(None) => Ok(T::default()),
        Ok(Some(bytes)) => parsed(entry, &path, &bytes, parse),
        Err(error) => Err(unusable(entry, error)),
    }
}

fn parsed<T, E: ToString>(
    entry: &'static FileEntry,
    path: &Path,
    bytes: &[u8],
    parse: impl FnOnce(&[u8], &str) -> Result<T, E>,
) -> Result<T, EtcError> {
    parse(bytes, &path.display().to_string()).map_err(|error| EtcError {
        entry,
        problem: Unusable::Text {
            path: path.to_owned(),
            reason: error.to_string(),
        },
    })
}

fn unusable(entry: &'static FileEntry, error: FileError) -> EtcError {
    EtcError {
        entry,
        problem: Unusable::File(error),
    }
}
