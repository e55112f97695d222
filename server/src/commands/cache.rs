//! `opkssh server cache show|refresh|clear`: manages the cache of the providers' keys.
//!
//! The cache belongs to the AuthorizedKeysCommand user. Root runs these commands as that user, so
//! that no file becomes root's.

use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use opkssh_protocol::printable::printable;
use opkssh_protocol::time::UnixTime;

use super::ServerDirs;
use super::verify::{load_config, load_providers};
use crate::admin_error::AdminError;
use crate::deadline::Deadline;
use crate::etc::{self, ACCOUNT};
use crate::key_source::{KeyCache, KeyUse, PROVIDER_TIMEOUT, Store, StoreError, WhenAsked};
use crate::log::Log;
use crate::run_as::{command_as, exit_code, other_owner};
use crate::settings::Settings;

/// Writes a line per configured issuer: age and use of its keys, and the last error.
pub fn cache_show(dirs: &ServerDirs, out: &mut impl Write) -> Result<(), AdminError> {
    let now = UnixTime::from(SystemTime::now());
    let settings = etc::load_settings(&dirs.etc)?;
    let providers = load_providers(&dirs.etc, &Log::to(io::stderr()))?;
    let directory = dirs.key_cache();
    let store = open(&directory)?;
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
pub fn cache_refresh(dirs: &ServerDirs, out: &mut impl Write) -> Result<(), AdminError> {
    let settings = etc::load_settings(&dirs.etc)?;
    let providers = load_providers(&dirs.etc, &Log::to(io::stderr()))?;
    let config = load_config(&dirs.etc, None, &Log::to(io::stderr()))?;
    let store = open(&dirs.key_cache())?;
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
            failure => {
                failed += 1;
                failure.map_or_else(|error| error.to_string(), |found| found.notices.join("; "))
            }
        };
        write_line(out, &format!("{issuer}: {text}"))?;
    }
    match failed {
        0 => Ok(()),
        _ => Err(AdminError::new(format!(
            "{failed} of {all} providers gave no keys"
        ))),
    }
}

/// Deletes the keys of one issuer, or of all, configured or not. The next login asks again.
pub fn cache_clear(
    dirs: &ServerDirs,
    issuer: Option<&str>,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    let store = open(&dirs.key_cache())?;
    let deleted = match issuer {
        Some(issuer) => store.forget(issuer).map(|()| issuer.to_owned()),
        None => store.forget_all().map(|count| format!("{count} issuers")),
    };
    let deleted = deleted.map_err(unusable)?;
    write_line(out, &format!("deleted the keys of {deleted}"))
}

/// Runs this command again as the owner of `directory`, if that is another account and this process
/// is root, and returns its exit status. `None`: the caller continues itself.
pub fn as_owner_of(directory: &Path) -> Result<Option<u8>, AdminError> {
    let Some((uid, gid)) = other_owner(directory) else {
        return Ok(None);
    };
    let failed = |error: io::Error| {
        let path = directory.display();
        AdminError::new(format!("cannot run as the owner of {path}: {error}"))
    };
    let program = std::env::current_exe().map_err(failed)?;
    let status = command_as(uid, gid, &program)
        .args(std::env::args_os().skip(1))
        .status()
        .map_err(failed)?;
    Ok(Some(exit_code(status)))
}

fn open(directory: &Path) -> Result<Store, AdminError> {
    Store::open(directory).map_err(unusable)
}

fn unusable(error: StoreError) -> AdminError {
    AdminError::new(format!("the key cache cannot be used: {error}")).hinting(match error {
        StoreError::Owner { path, .. } | StoreError::Mode { path, .. } => format!(
            "Run: sudo install -d -m 700 -o {ACCOUNT} -g {ACCOUNT} {}",
            path.display()
        ),
        StoreError::Io { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
            "Run: sudo opkssh server cache show".to_owned()
        }
        _ => "Run: sudo opkssh server install".to_owned(),
    })
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
            let names = keys.names().map(|name| name.unwrap_or("(no name)"));
            let names: Vec<&str> = names.collect();
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
fn write_line(out: &mut impl Write, line: &str) -> Result<(), AdminError> {
    writeln!(out, "{}", printable(line)).map_err(AdminError::output)
}
