//! `server.yml`: settings that Go's server configuration does not have. A separate file, so that Go
//! can still read its own.
//!
//! Like `config.yml`, a file that exists but cannot be used refuses everyone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::arguments::Argument;
use crate::deadline::{EXAMPLES, parse_seconds};
use crate::fallback::Fallback;
use crate::key_source::Bounds;
use crate::plugin::Plugins;
use crate::strict_yaml;

/// Upper limit for the use of cached keys while a provider is down.
const MAX_STALE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Upper limit for the fallback, well within sshd's LoginGraceTime.
const MAX_TIMEOUT: Duration = Duration::from_secs(60);

/// The parsed file. A missing file is empty.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Settings {
    pub key_cache: Bounds,
    /// Key set files by issuer, for issuers that are not asked.
    pub jwks_files: BTreeMap<String, PathBuf>,
    /// Command to ask about keys that verify refuses.
    pub fallback: Option<Fallback>,
    /// Further readable paths during requests to a provider, for resolver modules.
    pub readable: Vec<PathBuf>,
    /// The first words that sshd passes after `%u %k %t`, each at most once.
    pub arguments: Vec<Argument>,
}

impl Settings {
    /// Reads YAML. Fails on an unknown key.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let written: Option<RawSettings> = strict_yaml::read(bytes)?;
        let RawSettings {
            key_cache,
            jwks_files,
            fallback,
            readable,
            arguments,
        } = written.unwrap_or_default();
        let key_cache = key_cache.unwrap_or_default();
        let fresh = key_cache.fresh.as_deref().unwrap_or("1h");
        let stale = key_cache.stale_if_error.as_deref().unwrap_or("24h");
        let jwks_files = jwks_files.unwrap_or_default();
        let readable = readable.unwrap_or_default();
        let paths = jwks_files.values().map(|path| ("jwks_files", path));
        let mut paths = paths.chain(readable.iter().map(|path| ("readable", path)));
        if let Some((key, path)) = paths.find(|(_, path)| !path.is_absolute()) {
            let path = path.display();
            return Err(format!("{key}: {path} is not an absolute path"));
        }
        let arguments = arguments.unwrap_or_default();
        if (1..arguments.len()).any(|index| arguments[..index].contains(&arguments[index])) {
            return Err("arguments: one of them is named twice".to_owned());
        }
        let fallback = fallback.map(|RawFallback { command, timeout }| {
            let timeout = timeout.as_deref().unwrap_or("10s");
            let timeout = duration("fallback.timeout", timeout, MAX_TIMEOUT)?;
            Fallback::parse(&command, timeout)
                .map_err(|reason| format!("fallback.command: {reason}"))
        });
        Ok(Self {
            fallback: fallback.transpose()?,
            key_cache: Bounds::new(
                duration("key_cache.fresh", fresh, Duration::from_secs(3600))?,
                duration("key_cache.stale_if_error", stale, MAX_STALE)?,
            ),
            jwks_files,
            readable,
            arguments,
        })
    }

    /// Returns true if verify runs other programs as its account: plugins or the fallback.
    pub fn runs_others(&self, plugins: &Plugins) -> bool {
        self.fallback.is_some() || plugins.are_configured()
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSettings {
    key_cache: Option<RawCache>,
    jwks_files: Option<BTreeMap<String, PathBuf>>,
    fallback: Option<RawFallback>,
    readable: Option<Vec<PathBuf>>,
    arguments: Option<Vec<Argument>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFallback {
    command: Vec<String>,
    timeout: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCache {
    fresh: Option<String>,
    stale_if_error: Option<String>,
}

/// Parses a duration of at most `max`.
fn duration(key: &str, text: &str, max: Duration) -> Result<Duration, String> {
    let seconds = parse_seconds(text).and_then(|seconds| u64::try_from(seconds).ok());
    let duration = seconds
        .map(Duration::from_secs)
        .ok_or_else(|| format!("{key}: {text:?} is not a duration: write e.g. {EXAMPLES}"))?;
    if duration > max {
        let max = match max.as_secs() {
            seconds @ ..3600 => format!("{seconds} s"),
            seconds => format!("{} h", seconds / 3600),
        };
        return Err(format!("{key}: {text} is more than {max}"));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests;
