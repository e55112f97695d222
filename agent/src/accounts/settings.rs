//! What the client configuration says now about an account: it may have changed since the login.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use opkssh_protocol::config::{AgentSection, ClientConfig, LockOn, OnDemand, Provider, suggestion};
use opkssh_protocol::pk_token::ExpirationPolicy;

use super::store::record::Record;
use crate::serving::source::Visibility;

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
    kept: Mutex<BTreeMap<String, Kept>>,
    /// A file that cannot be read is not tried again, nor logged, until it changes.
    unreadable: Mutex<Option<Unreadable>>,
    /// Counts how often what was read became another.
    changes: AtomicU64,
}

/// A file as it was found: its path, times of the last writing and change of mode (in seconds and
/// nanoseconds), inode and length. No file: it could not even be looked for.
type Stamp = (PathBuf, Option<[i64; 6]>);

struct Kept {
    visibility: Visibility,
    /// The index has it, too.
    is_written: bool,
}

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
            let kept = lock(&self.kept);
            let kept = kept
                .get(record.account())
                .map(|kept| kept.visibility.clone());
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

    /// Keeps what an account is shown to for when no file can be read. Returns true if the index
    /// does not have it yet.
    pub fn keep(&self, account: &str, visibility: &Visibility) -> bool {
        let mut kept = lock(&self.kept);
        let before = kept.get(account);
        if before.is_some_and(|kept| kept.is_written && kept.visibility == *visibility) {
            return false;
        }
        let now = Kept {
            visibility: visibility.clone(),
            is_written: false,
        };
        kept.insert(account.to_owned(), now);
        true
    }

    /// Notes that the index has what is kept of an account.
    pub fn note_written(&self, account: &str) {
        if let Some(kept) = lock(&self.kept).get_mut(account) {
            kept.is_written = true;
        }
    }

    /// Returns a warning for each entry of `agent.accounts` that is of no account in `accounts` and
    /// of no provider.
    pub fn unknown_accounts(&self, accounts: &[String]) -> Vec<String> {
        let read = self.read();
        let Some(read) = &*read else {
            return Vec::new();
        };
        let providers = read.providers.iter().map(Provider::name);
        let known: Vec<_> = accounts
            .iter()
            .map(String::as_str)
            .chain(providers)
            .collect();
        let names = read.agent.accounts.keys();
        let unknown = names.filter(|name| !known.contains(&name.as_str()));
        unknown
            .map(|name| {
                let hint = suggestion(name, &known).map(|name| format!("; did you mean {name}?"));
                let (file, hint) = (read.stamp.0.display(), hint.unwrap_or_default());
                format!("{file}: agent.accounts.{name}: there is no account {name}{hint}")
            })
            .collect()
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
            .and_then(|text| match is_blank(&text) {
                true => Err(format!("{name}: the file is empty")),
                false => Ok(text),
            })
            .and_then(|text| ClientConfig::parse(&text, &name).map_err(|error| error.to_string()));
        match parsed {
            Ok(mut config) => {
                *unreadable = None;
                // of no use here, and it would stay in memory even while the agent is locked
                for provider in &mut config.providers {
                    provider.client_secret = None;
                }
                let before = read.as_ref().map(|read| &read.stamp.0);
                let mut warnings = config.warnings;
                if let Some(before) = before.filter(|before| *before != file) {
                    let before = before.display();
                    warnings.push(format!(
                        "{before} is gone: the settings are now those of {name}"
                    ));
                }
                *read = Some(Read {
                    warnings,
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

/// Returns true if a file has no settings at all, as one that was cut off.
fn is_blank(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.all(|line| {
        let value = line.strip_prefix("---").unwrap_or(line).trim();
        matches!(value, "" | "..." | "null" | "~")
    })
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
    fn an_empty_file_widens_nothing_and_another_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name| directory.path().join(name);
        let settings = Settings::new(vec![file("first"), file("second")]);
        let narrow = "agent: {default_account: a, accounts: {wor: {hosts: [web]}}}\n";
        std::fs::write(file("first"), narrow).unwrap();
        assert_eq!(settings.default_account().as_deref(), Some("a"));
        let unknown = settings.unknown_accounts(&["work".to_owned()]);
        assert!(
            unknown[0].ends_with("no account wor; did you mean work?"),
            "{unknown:?}"
        );
        assert_eq!(settings.unknown_accounts(&["wor".to_owned()]), [""; 0]);
        for blank in ["", "# nothing\n", "--- ~\n", "---\nnull\n"] {
            std::fs::write(file("first"), blank).unwrap();
            assert_eq!(settings.default_account().as_deref(), Some("a"));
            let notices = settings.notices();
            assert!(
                notices[0].contains("first: the file is empty"),
                "{notices:?}"
            );
        }
        std::fs::write(file("second"), "agent: {default_account: b}\n").unwrap();
        std::fs::remove_file(file("first")).unwrap();
        assert_eq!(settings.default_account().as_deref(), Some("b"));
        let notices = settings.notices();
        assert!(notices[0].contains("first is gone"), "{notices:?}");
    }

    #[test]
    fn what_the_index_does_not_have_yet_is_written_again() {
        let settings = Settings::new(Vec::new());
        let visibility = Visibility::default();
        assert!(settings.keep("a", &visibility));
        assert!(settings.keep("a", &visibility), "writing failed");
        settings.note_written("a");
        assert!(!settings.keep("a", &visibility));
        let mut other = visibility;
        other.hosts.push("web".to_owned());
        assert!(settings.keep("a", &other));
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
