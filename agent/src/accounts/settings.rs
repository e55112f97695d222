//! What the client configuration says now about an account: it may have changed since the login.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use opkssh_protocol::config::{AgentSection, ClientConfig, LockOn, OnDemand, Provider};
use opkssh_protocol::pk_token::ExpirationPolicy;

use super::store::record::Record;
use crate::serving::held::Visibility;

/// Settings of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSettings {
    pub visibility: Visibility,
    pub expiration: ExpirationPolicy,
    pub on_demand: OnDemand,
}

/// The configuration files, read again when they change.
pub struct Settings {
    files: Vec<PathBuf>,
    read: Mutex<Option<Read>>,
    /// What each account was last shown to, by its name: it counts while there is no file that can
    /// be read.
    kept: Mutex<BTreeMap<String, Visibility>>,
    /// A file that cannot be read is not tried again, nor logged, until it changes.
    unreadable: Mutex<Option<Unreadable>>,
    /// Counts how often what was read became another.
    changes: AtomicU64,
}

/// A file as it was found: its path, times of the last writing and change of mode (in seconds and
/// nanoseconds), inode and length. No file: it could not even be looked for.
type Stamp = (PathBuf, Option<[i64; 6]>);

struct Unreadable {
    stamp: Stamp,
    reason: String,
}

struct Read {
    stamp: Stamp,
    providers: Vec<Provider>,
    agent: AgentSection,
    warnings: Vec<String>,
}

impl Settings {
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self {
            files,
            read: Mutex::new(None),
            kept: Mutex::default(),
            unreadable: Mutex::new(None),
            changes: AtomicU64::new(0),
        }
    }

    /// The settings for the account of this record: what the configuration says for it by its name,
    /// else by its provider's entry (of the same issuer and client), else what it had at the login.
    pub fn of(&self, record: &Record) -> AccountSettings {
        let provider = &record.provider;
        let read = self.read();
        let Some(read) = &*read else {
            let kept = lock(&self.kept).get(record.account()).cloned();
            return AccountSettings {
                visibility: kept.unwrap_or_else(|| visibility(provider)),
                expiration: provider.expiration,
                on_demand: provider.on_demand,
            };
        };
        let same = |entry: &&Provider| {
            entry.issuer == provider.issuer && entry.client_id == provider.client_id
        };
        let named = read.providers.iter().filter(same);
        // two entries may differ in their aliases only
        let current = named
            .clone()
            .find(|entry| entry.name() == provider.name())
            .or(named.clone().next())
            .unwrap_or(provider);
        let own = read.agent.accounts.get(record.account()).cloned();
        let own = own.unwrap_or_default();
        let general = visibility(current);
        AccountSettings {
            visibility: Visibility {
                hosts: own.hosts.unwrap_or(general.hosts),
                forwarding: own.forwarding.unwrap_or(general.forwarding),
                public_forges: match &read.agent.public_forges {
                    Some(patterns) => patterns.clone(),
                    None => general.public_forges,
                },
            },
            expiration: own.expiration.unwrap_or(current.expiration),
            on_demand: own.on_demand.unwrap_or(current.on_demand),
        }
    }

    /// Keeps what an account is shown to for when no file can be read. Returns true if that is
    /// another than before.
    pub fn keep(&self, account: &str, visibility: &Visibility) -> bool {
        let mut kept = lock(&self.kept);
        let before = kept.insert(account.to_owned(), visibility.clone());
        before.as_ref() != Some(visibility)
    }

    /// Forgets an account that was logged out.
    pub fn forget(&self, account: &str) {
        lock(&self.kept).remove(account);
    }

    /// Returns what `status` says about the file.
    pub fn notices(&self) -> Vec<String> {
        let read = self.read();
        let unreadable = lock(&self.unreadable);
        let warnings = read.iter().flat_map(|read| read.warnings.iter().cloned());
        let unreadable = unreadable.iter().map(|unreadable| {
            format!(
                "{}; until it can be read, accounts are shown to the servers that they were last \
                 shown to",
                unreadable.reason
            )
        });
        unreadable.chain(warnings).collect()
    }

    /// Another number than before: the settings may be others than then.
    pub fn version(&self) -> u64 {
        let _read = self.read();
        self.changes.load(Ordering::Relaxed)
    }

    /// `agent.default_account`.
    pub fn default_account(&self) -> Option<String> {
        self.read().as_ref()?.agent.default_account.clone()
    }

    /// `agent.lock_on`. `None`: there is a configuration, and it cannot be read.
    pub fn lock_on(&self) -> Option<BTreeSet<LockOn>> {
        match &*self.read() {
            Some(read) => Some(read.agent.lock_on.clone()),
            None if self.files.iter().any(|file| file.exists()) => None,
            None => Some(BTreeSet::new()),
        }
    }

    fn read(&self) -> MutexGuard<'_, Option<Read>> {
        let mut read = lock(&self.read);
        self.refresh(&mut read);
        read
    }

    fn refresh(&self, read: &mut Option<Read>) {
        let mut unreadable = lock(&self.unreadable);
        let Some(stamp) = self.files.iter().find_map(|file| stamp(file)) else {
            *unreadable = None;
            if read.take().is_some() {
                self.changes.fetch_add(1, Ordering::Relaxed);
            }
            return;
        };
        if unreadable.as_ref().is_some_and(|one| one.stamp == stamp) {
            return;
        }
        if read.as_ref().is_some_and(|read| read.stamp == stamp) {
            *unreadable = None;
            return;
        }
        let (file, name) = (&stamp.0, stamp.0.display().to_string());
        let parsed = std::fs::read_to_string(file)
            .map_err(|error| format!("{name}: {error}"))
            .and_then(|text| ClientConfig::parse(&text, &name).map_err(|error| error.to_string()));
        match parsed {
            Ok(mut config) => {
                *unreadable = None;
                // of no use here, and it would stay in memory even while the agent is locked
                for provider in &mut config.providers {
                    provider.client_secret = None;
                }
                *read = Some(Read {
                    warnings: config.warnings,
                    stamp,
                    providers: config.providers,
                    agent: config.agent,
                });
                self.changes.fetch_add(1, Ordering::Relaxed);
            }
            // half-written perhaps: what was read before goes on counting
            Err(reason) => {
                tracing::warn!("the client configuration is not readable: {reason}");
                *unreadable = Some(Unreadable { stamp, reason });
            }
        }
    }
}

/// Returns the visibility that a provider's entry sets.
fn visibility(provider: &Provider) -> Visibility {
    Visibility {
        hosts: provider.hosts.clone(),
        forwarding: provider.forwarding,
        ..Visibility::default()
    }
}

/// Returns `None` if the file is not there. An error must not make the next file count.
fn stamp(file: &Path) -> Option<Stamp> {
    let found = match std::fs::metadata(file) {
        Ok(metadata) => Some([
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ctime(),
            metadata.ctime_nsec(),
            metadata.ino().cast_signed(),
            metadata.len().cast_signed(),
        ]),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return None;
        }
        Err(_) => None,
    };
    Some((file.to_owned(), found))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_looked_for_lets_no_other_count() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name| directory.path().join(name);
        std::fs::write(file("second"), "agent: {default_account: a}\n").unwrap();
        let settings = Settings::new(vec![file("first"), file("second")]);
        assert_eq!(settings.default_account().as_deref(), Some("a"));
        assert_eq!(settings.notices(), [""; 0]);

        std::os::unix::fs::symlink("loop", file("loop")).unwrap();
        let settings = Settings::new(vec![file("loop"), file("second")]);
        assert_eq!(settings.default_account(), None);
        let notices = settings.notices();
        assert!(notices[0].contains("/loop: "), "{notices:?}");
        // it is tried again when it has changed
        std::fs::remove_file(file("loop")).unwrap();
        assert_eq!(settings.default_account().as_deref(), Some("a"));
        assert_eq!(settings.notices(), [""; 0]);
    }

    #[test]
    fn what_was_read_counts_while_the_file_is_broken() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.yml");
        let settings = Settings::new(vec![file.clone()]);
        std::fs::write(&file, "agent: {default_account: a}\n").unwrap();
        assert_eq!(settings.default_account().as_deref(), Some("a"));
        std::fs::write(&file, "agent:\n  - {[\n").unwrap();
        assert_eq!(settings.default_account().as_deref(), Some("a"));
        let notices = settings.notices();
        assert!(notices[0].contains("config.yml:2"), "{notices:?}");
        std::fs::write(&file, "agent: {default_account: bob}\n").unwrap();
        assert_eq!(settings.default_account().as_deref(), Some("bob"));
        assert_eq!(settings.notices(), [""; 0]);
    }
}
