//! What the client configuration says now about an account: it may have changed since the login.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use opkssh_protocol::config::{AgentSection, ClientConfig, LockOn, OnDemand, Provider};
use opkssh_protocol::pk_token::ExpirationPolicy;

use super::record::Record;

/// Settings of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSettings {
    pub hosts: Vec<String>,
    pub expiration: ExpirationPolicy,
    pub on_demand: OnDemand,
}

/// The configuration files, read again when they change.
pub struct Settings {
    files: Vec<PathBuf>,
    read: Mutex<Option<Read>>,
    /// The file that could not be read: it is not tried again, nor spoken of, until it changes.
    unreadable: Mutex<Option<Stamp>>,
    /// Counts how often what was read became another.
    changes: AtomicU64,
}

/// A file as it was read: which, when it was written, its inode and length.
type Stamp = (PathBuf, SystemTime, u64, u64);

struct Read {
    stamp: Stamp,
    providers: Vec<Provider>,
    agent: AgentSection,
}

impl Settings {
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self {
            files,
            read: Mutex::new(None),
            unreadable: Mutex::new(None),
            changes: AtomicU64::new(0),
        }
    }

    /// The settings for the account of this record: what the configuration says for it by its name,
    /// else by its provider's entry (of the same issuer and client), else what it had at the login.
    pub fn of(&self, record: &Record) -> AccountSettings {
        let provider = &record.provider;
        let read = self.read();
        let current = read.as_ref().and_then(|read| {
            let same = |entry: &&Provider| {
                entry.issuer == provider.issuer && entry.client_id == provider.client_id
            };
            let named = read.providers.iter().filter(same);
            // two entries may differ in their aliases only
            named
                .clone()
                .find(|entry| entry.name() == provider.name())
                .or(named.clone().next())
        });
        let current = current.unwrap_or(provider);
        let own = read
            .as_ref()
            .and_then(|read| read.agent.accounts.get(record.account()))
            .cloned()
            .unwrap_or_default();
        AccountSettings {
            hosts: own.hosts.unwrap_or_else(|| current.hosts.clone()),
            expiration: own.expiration.unwrap_or(current.expiration),
            on_demand: own.on_demand.unwrap_or(current.on_demand),
        }
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
        let mut read = self
            .read
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        self.refresh(&mut read);
        read
    }

    fn refresh(&self, read: &mut Option<Read>) {
        let stamp = self.files.iter().find_map(|file| stamp(file.clone()));
        let Some(stamp) = stamp else {
            if read.take().is_some() {
                self.changes.fetch_add(1, Ordering::Relaxed);
            }
            return;
        };
        if read.as_ref().is_some_and(|read| read.stamp == stamp) {
            return;
        }
        let mut unreadable = self
            .unreadable
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if unreadable.as_ref() == Some(&stamp) {
            return;
        }
        let parsed = std::fs::read_to_string(&stamp.0)
            .map_err(|error| error.to_string())
            .and_then(|text| {
                ClientConfig::parse(&text, &stamp.0.display().to_string())
                    .map_err(|error| error.to_string())
            });
        match parsed {
            Ok(mut config) => {
                *unreadable = None;
                // of no use here, and it would stay in memory even while the agent is locked
                for provider in &mut config.providers {
                    provider.client_secret = None;
                }
                *read = Some(Read {
                    stamp,
                    providers: config.providers,
                    agent: config.agent,
                });
                self.changes.fetch_add(1, Ordering::Relaxed);
            }
            // half-written perhaps: what was read before goes on counting
            Err(error) => {
                tracing::warn!("the client configuration is not readable: {error}");
                *unreadable = Some(stamp);
            }
        }
    }
}

fn stamp(file: PathBuf) -> Option<Stamp> {
    let metadata = std::fs::metadata(&file).ok()?;
    let written = metadata.modified().ok()?;
    Some((file, written, metadata.ino(), metadata.len()))
}
