//! Reads and parses the policy files.

use std::path::{Path, PathBuf};

use super::{CONFIG, FileEntry, PROVIDERS, REVOKED, RULES, SETTINGS, hint_for};
use crate::admin_error::AdminError;
use crate::config::ServerConfig;
use crate::files::FileError;
use crate::policy::revoked::Revoked;
use crate::policy::rules::Rules;
use crate::providers::Providers;
use crate::settings::Settings;

/// A policy file that exists or is required, and cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", failure(*denying))]
pub struct EtcError {
    pub entry: &'static FileEntry,
    /// Contents of the file, if it can deny: while it cannot be used, verify refuses everybody.
    denying: Option<&'static str>,
    pub problem: Unusable,
}

#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("{0}")]
    File(#[from] FileError),
    #[error("{}", with_line(path, reason))]
    Text { path: PathBuf, reason: String },
}

/// Returns `PATH:LINE: REASON`, or `PATH: REASON` for a reason without its line.
fn with_line(path: &Path, reason: &str) -> String {
    let path = path.display();
    let line = reason
        .strip_prefix("line ")
        .and_then(|rest| rest.split_once(": "));
    match line {
        Some((line, reason)) if line.bytes().all(|digit| digit.is_ascii_digit()) => {
            format!("{path}:{line}: {reason}")
        }
        _ => format!("{path}: {reason}"),
    }
}

fn failure(denying: Option<&str>) -> String {
    match denying {
        Some(what) => format!("{what} cannot be used, so every login is refused"),
        None => "failed to load providers".to_owned(),
    }
}

impl EtcError {
    /// Returns true if the fallback command may still accept the key: the file could not have
    /// denied it.
    pub fn allows_fallback(&self) -> bool {
        self.denying.is_none()
    }

    /// Returns the error of a file that cannot be read.
    pub fn file_error(&self) -> Option<&FileError> {
        match &self.problem {
            Unusable::File(error) => Some(error),
            Unusable::Text { .. } => None,
        }
    }

    /// Returns true if the file does not exist.
    pub fn is_missing(&self) -> bool {
        self.file_error().is_some_and(FileError::is_not_found)
    }

    pub fn hint(&self) -> Option<String> {
        match &self.problem {
            Unusable::File(error) => hint_for(error, self.entry.mode),
            Unusable::Text { path, .. } => Some(format!("run: sudoedit {}", path.display())),
        }
    }

    /// Returns the next command after an error of an admin command.
    pub fn admin_hint(&self) -> Option<String> {
        match &self.problem {
            Unusable::File(file) => super::admin_hint(file, self.entry.mode),
            Unusable::Text { .. } => self.hint(),
        }
    }
}

impl From<EtcError> for AdminError {
    fn from(error: EtcError) -> Self {
        Self::new(&error).with_hint(error.admin_hint())
    }
}

/// Reads `providers`. A bad row affects only its issuer, and is in the result's problems.
pub fn load_providers(path: &Path) -> Result<Providers, EtcError> {
    let bytes = PROVIDERS.read(path).map_err(|error| EtcError {
        entry: &PROVIDERS,
        denying: None,
        problem: error.into(),
    })?;
    Ok(Providers::parse(&path.display().to_string(), &bytes))
}

/// Reads `config.yml` of `etc`, or the file `named` instead. Only the first may be missing.
pub fn load_config(etc: &Path, named: Option<&Path>) -> Result<ServerConfig, EtcError> {
    let path = named.map_or_else(|| CONFIG.path_in(etc), Path::to_owned);
    let read = match named {
        None => CONFIG.read_if_there(&path),
        Some(path) => CONFIG.read(path).map(Some),
    };
    let parse = |bytes: &[u8], _: &str| ServerConfig::parse(bytes);
    parsed(&CONFIG, "server config", &path, read, parse)
}

pub fn load_settings(etc: &Path) -> Result<Settings, EtcError> {
    let parse = |bytes: &[u8], _: &str| Settings::parse(bytes);
    load(&SETTINGS, "server settings", etc, parse)
}

pub fn load_revoked(etc: &Path) -> Result<Revoked, EtcError> {
    let parse = |bytes: &[u8], _: &str| Revoked::parse(bytes);
    load(&REVOKED, "the revocation list", etc, parse)
}

pub fn load_rules(etc: &Path) -> Result<Rules, EtcError> {
    let parse = |bytes: &[u8], path: &str| Rules::parse(path, bytes);
    load(&RULES, "rules", etc, parse)
}

fn load<T: Default, E: ToString>(
    entry: &'static FileEntry,
    what: &'static str,
    etc: &Path,
    parse: impl FnOnce(&[u8], &str) -> Result<T, E>,
) -> Result<T, EtcError> {
    let path = entry.path_in(etc);
    parsed(entry, what, &path, entry.read_if_there(&path), parse)
}

/// Parses a file that can deny; missing is the same as empty.
fn parsed<T: Default, E: ToString>(
    entry: &'static FileEntry,
    what: &'static str,
    path: &Path,
    read: Result<Option<Vec<u8>>, FileError>,
    parse: impl FnOnce(&[u8], &str) -> Result<T, E>,
) -> Result<T, EtcError> {
    let parsed = match read {
        Ok(None) => return Ok(T::default()),
        Ok(Some(bytes)) => parse(&bytes, &path.display().to_string()).map_err(|error| {
            let (path, reason) = (path.to_owned(), error.to_string());
            Unusable::Text { path, reason }
        }),
        Err(error) => Err(Unusable::File(error)),
    };
    parsed.map_err(|problem| EtcError {
        entry,
        denying: Some(what),
        problem,
    })
}
