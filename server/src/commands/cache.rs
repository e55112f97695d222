//! `opkssh server cache show|refresh|clear`: manages the cache of the providers' keys.
//!
//! The cache belongs to the AuthorizedKeysCommand user. Root runs these commands as that user, so
//! that no file becomes root's.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use opkssh_protocol::time::UnixTime;
use serde::Serialize;

use super::ServerDirs;
use super::output::{json, no_answer, say};
use super::verify::{load_config, load_providers};
use crate::admin_error::AdminError;
use crate::deadline::Deadline;
use crate::etc::{self, ACCOUNT};
use crate::key_source::{KeyCache, KeyStoreError, KeyUse, PROVIDER_TIMEOUT, Store, WhenAsked};
use crate::log::Log;
use crate::run_as::{command_as, exit_code, other_owner};
use crate::settings::Settings;

#[derive(Debug, Clone, clap::Args)]
pub struct CacheShowArgs {
    #[command(flatten)]
    pub dirs: ServerDirs,
    /// Print JSON
    #[arg(short, long)]
    pub json: bool,
}

/// The cache, in JSON.
#[derive(Serialize)]
struct CacheReport {
    directory: PathBuf,
    issuers: Vec<IssuerReport>,
}

#[derive(Default, Serialize)]
struct IssuerReport {
    issuer: String,
    /// The file of server.yml that its keys come from; then nothing is cached.
    jwks_file: Option<PathBuf>,
    keys: Option<KeyState>,
    /// RFC 3339, UTC.
    fetched: Option<String>,
    age_seconds: Option<i64>,
    key_ids: Vec<Option<String>>,
    /// Reason for [`KeyState::Unusable`].
    error: Option<String>,
    /// The last request, if it failed: RFC 3339, UTC, and why.
    failed_at: Option<String>,
    failure: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum KeyState {
    None,
    Unusable,
    #[serde(untagged)]
    Cached(KeyUse),
}

/// Writes age and use of the keys of each configured issuer, and the last error.
pub fn cache_show(args: &CacheShowArgs, out: &mut impl Write) -> Result<(), AdminError> {
    let report = report(&args.dirs).map_err(|error| no_answer(error, args.json, out))?;
    if args.json {
        return json(out, &report);
    }
    say(out, &format!("cache: {}", report.directory.display()))?;
    (report.issuers.iter()).try_for_each(|one| say(out, &format!("{}: {}", one.issuer, text(one))))
}

fn report(dirs: &ServerDirs) -> Result<CacheReport, AdminError> {
    let now = UnixTime::from(SystemTime::now());
    let not_known = |error| AdminError::from(error).not_known();
    let settings = etc::load_settings(&dirs.etc).map_err(not_known)?;
    let providers = load_providers(&dirs.etc, &Log::to(io::stderr())).map_err(not_known)?;
    let directory = dirs.key_cache();
    let store = open(&directory).map_err(AdminError::not_known)?;
    let issuers = providers.issuers();
    Ok(CacheReport {
        issuers: issuers
            .map(|issuer| state(&store, &settings, issuer, now))
            .collect(),
        directory,
    })
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
        say(out, &format!("{issuer}: {text}"))?;
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
    say(out, &format!("deleted the keys of {deleted}"))
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

fn unusable(error: KeyStoreError) -> AdminError {
    AdminError::new(format!("the key cache cannot be used: {error}")).hinting(match &error {
        KeyStoreError::Owner { path, .. } | KeyStoreError::Mode { path, .. } => format!(
            "run: sudo install -d -m 700 -o {ACCOUNT} -g {ACCOUNT} {}",
            path.display()
        ),
        KeyStoreError::Io { error, .. } if etc::is_for_root(error) => etc::as_root(),
        _ => etc::NOT_SET_UP.to_owned(),
    })
}

fn state(store: &Store, settings: &Settings, issuer: &str, now: UnixTime) -> IssuerReport {
    let mut report = IssuerReport {
        issuer: issuer.to_owned(),
        jwks_file: settings.jwks_files.get(issuer).cloned(),
        ..IssuerReport::default()
    };
    if report.jwks_file.is_some() {
        return report;
    }
    report.keys = Some(match store.entry(issuer) {
        Err(reason) => {
            report.error = Some(reason);
            KeyState::Unusable
        }
        Ok(None) => KeyState::None,
        Ok(Some((entry, keys))) => {
            report.fetched = Some(entry.fetched.to_string());
            report.age_seconds = Some(now.since(entry.fetched));
            report.key_ids = keys.names().map(|name| name.map(str::to_owned)).collect();
            KeyState::Cached(settings.key_cache.standing(&entry, now))
        }
    });
    if let Some(attempt) = store.attempt(issuer)
        && let Some(failure) = attempt.failure
    {
        (report.failed_at, report.failure) = (Some(attempt.asked.to_string()), Some(failure));
    }
    report
}

fn text(report: &IssuerReport) -> String {
    let shown = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut text = match report.keys {
        None => {
            let path = report.jwks_file.as_deref().unwrap_or(Path::new(""));
            format!("keys from {}", path.display())
        }
        Some(KeyState::None) => "no keys yet".to_owned(),
        Some(KeyState::Unusable) => format!("not usable: {}", shown(&report.error)),
        Some(KeyState::Cached(state)) => {
            let good_for = match state {
                KeyUse::Fresh => "fresh",
                KeyUse::StaleIfError => "used only while the provider cannot be asked",
                KeyUse::Expired => "too old to be used",
                KeyUse::NotYet => "from the future, not used",
            };
            let names = report
                .key_ids
                .iter()
                .map(|name| name.as_deref().unwrap_or("(no name)"));
            format!(
                "fetched {} ({} s ago), {good_for}; keys {}",
                shown(&report.fetched),
                report.age_seconds.unwrap_or_default(),
                names.collect::<Vec<_>>().join(", ")
            )
        }
    };
    if let Some(failure) = &report.failure {
        text += &format!("; asked {}: {failure}", shown(&report.failed_at));
    }
    text
}
