//! `opkssh server cache show|refresh|clear`: manages the cache of the providers' keys.
//!
//! The cache belongs to the AuthorizedKeysCommand user. Root runs these commands as that user, so
//! that no file becomes root's.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use opkssh_protocol::printable::printable;
use opkssh_protocol::time::UnixTime;

use super::dirs::ServerDirs;
use super::verify::{load_config, load_providers};
use crate::deadline::Deadline;
use crate::etc::{self, ACCOUNT, EtcError};
use crate::key_source::{KeyCache, KeyUse, PROVIDER_TIMEOUT, Store, StoreError, WhenAsked};
use crate::log::Log;
use crate::run_as::{command_as, exit_code, other_owner};
use crate::settings::Settings;

#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("{0}")]
    Etc(#[from] EtcError),
    #[error("the key cache cannot be used: {0}")]
    Store(#[from] StoreError),
    #[error("{failed} of {all} providers gave no keys")]
    Refresh { failed: usize, all: usize },
    #[error("cannot run as the owner of {path}: {error}", path = path.display())]
    AsOwner { path: PathBuf, error: io::Error },
    #[error("cannot write the answer: {0}")]
    Output(io::Error),
}

impl CacheError {
    /// Returns the next command to run, if there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Etc(error) => error.hint(),
            Self::Store(StoreError::Owner { path, .. } | StoreError::Mode { path, .. }) => {
                Some(format!(
                    "Run: sudo install -d -m 700 -o \
                     {ACCOUNT} -g {ACCOUNT} {}",
                    path.display()
                ))
            }
            Self::Store(StoreError::Io { error, .. })
                if error.kind() == io::ErrorKind::PermissionDenied =>
            {
                Some("Run: sudo opkssh server cache show".into())
            }
            Self::Store(_) => Some("Run: sudo opkssh server install".into()),
            Self::Refresh { .. } | Self::AsOwner { .. } | Self::Output(_) => None,
        }
    }
}

/// Writes a line per configured issuer: age and use of its keys, and the last error.
pub fn cache_show(dirs: &ServerDirs, out: &mut impl Write) -> Result<(), CacheError> {
    let now = UnixTime::from(SystemTime::now());
    let settings = etc::load_settings(&dirs.etc)?;
    let providers = load_providers(&dirs.etc, &to_stderr())?;
    let directory = dirs.key_cache();
    let store = Store::open(&directory)?;
    write_line(out, &format!("cache: {}", directory.display()))?;
    for issuer in providers.issuers() {
        let text = match settings.jwks_files.get(issuer) {
            Some(path) => format!("keys from {}", path.display()),
            None => shown(&store, &settings, issuer, now),
        };
        write_line(out, &format!("{issuer}: {text}"))?;
    }
    Ok(())
}

/// Asks every configured provider now, regardless of the last request.
pub fn cache_refresh(dirs: &ServerDirs, out: &mut impl Write) -> Result<(), CacheError> {
    let settings = etc::load_settings(&dirs.etc)?;
    let providers = load_providers(&dirs.etc, &to_stderr())?;
    let config = load_config(&dirs.etc, None, &to_stderr())?;
    let store = Store::open(&dirs.key_cache())?;
    let source = WhenAsked {
        env_vars: &config.env_vars,
    };
    let cache = KeyCache::new(&store, &source, settings.key_cache);
    let (mut failed, mut all) = (0, 0);
    for issuer in providers.issuers() {
        if settings.jwks_files.contains_key(issuer) {
            continue;
        }
        all += 1;
        let text = match cache.refresh(issuer, Deadline::after(PROVIDER_TIMEOUT)) {
            Ok(found) if found.notices.is_empty() => {
                format!("{} keys", found.keys.names().count())
            }
            Ok(found) => {
                failed += 1;
                found.notices.join("; ")
            }
            Err(error) => {
                failed += 1;
                error.to_string()
            }
        };
        write_line(out, &format!("{issuer}: {text}"))?;
    }
    if failed > 0 {
        return Err(CacheError::Refresh { failed, all });
    }
    Ok(())
}

/// Deletes the keys of one issuer, or of all, configured or not. The next login asks again.
pub fn cache_clear(
    dirs: &ServerDirs,
    issuer: Option<&str>,
    out: &mut impl Write,
) -> Result<(), CacheError> {
    let store = Store::open(&dirs.key_cache())?;
    match issuer {
        Some(issuer) => {
            store.forget(issuer)?;
            write_line(out, &format!("deleted the keys of {issuer}"))
        }
        None => {
            let count = store.forget_all()?;
            write_line(out, &format!("deleted the keys of {count} issuers"))
        }
    }
}

/// Runs this command again as the owner of `directory`, if that is another account and this process
/// is root, and returns its exit status. `None`: the caller continues itself.
pub fn as_owner_of(directory: &Path) -> Result<Option<u8>, CacheError> {
    let Some((uid, gid)) = other_owner(directory) else {
        return Ok(None);
    };
    let failed = |error| CacheError::AsOwner {
        path: directory.to_owned(),
        error,
    };
    let program = std::env::current_exe().map_err(failed)?;
    let status = command_as(uid, gid, &program)
        .args(std::env::args_os().skip(1))
        .status()
        .map_err(failed)?;
    Ok(Some(exit_code(status)))
}

fn shown(store: &Store, settings: &Settings, issuer: &str, now: UnixTime) -> String {
    let mut text = match store.entry(issuer) {
        Err(reason) => format!("not usable: {reason}"),
        Ok(None) => "no keys yet".to_owned(),
        Ok(Some((entry, keys))) => {
            let good_for = match settings.key_cache.standing(&entry, now) {
                KeyUse::Fresh => "fresh",
                KeyUse::StaleIfError => "used only while the provider cannot be asked",
                KeyUse::Expired => "too old to be used",
                KeyUse::NotYet => "from the future, not used",
            };
            let names: Vec<&str> = keys
                .names()
                .map(|name| name.unwrap_or("(no name)"))
                .collect();
            format!(
                "fetched {} ({} s ago), {good_for}; keys {}",
                entry.fetched,
                now.since(entry.fetched),
                names.join(", ")
            )
        }
    };
    if let Some(attempt) = store.attempt(issuer)
        && let Some(failure) = attempt.failure
    {
        text += &format!("; asked {}: {failure}", attempt.asked);
    }
    text
}

/// Writes an escaped line: provider names and errors may contain anything.
fn write_line(out: &mut impl Write, line: &str) -> Result<(), CacheError> {
    writeln!(out, "{}", printable(line)).map_err(CacheError::Output)
}

fn to_stderr() -> Log {
    Log::to(io::stderr())
}
