//! The names of host keys for questions and the audit log, which ask for the same ones again and
//! again.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Announcement, HostKey, KnownHosts, Name, Names};

/// Servers that are remembered.
const MAX_SEEN: usize = 256;
/// How long: the names in host certificates end.
const KEPT: Duration = Duration::from_secs(60);

/// Looks up names, and reads known_hosts again only when it has changed.
pub struct HostNames {
    known_hosts: Arc<KnownHosts>,
    seen: Mutex<HashMap<Vec<u8>, Seen>>,
}

struct Seen {
    names: Arc<Names>,
    version: Version,
    at: Instant,
}

/// What changes when one of the files does.
type Version = Vec<Option<(u64, u64, i64, i64)>>;

impl HostNames {
    pub fn new(known_hosts: Arc<KnownHosts>) -> Self {
        Self {
            known_hosts,
            seen: Mutex::default(),
        }
    }

    /// Returns the names that known_hosts has for a host key; of hashed ones those that are among
    /// `candidates`, or that ssh was asked for.
    pub fn of(&self, host_key: &HostKey, ssh: &Announcement, candidates: &[String]) -> Vec<String> {
        let names = match ssh {
            ssh if *ssh == Announcement::default() => self.seen(host_key),
            // its own files count, too
            ssh => Arc::new(self.known_hosts.look_up(host_key, ssh.clone())),
        };
        names.listed(candidates)
    }

    fn seen(&self, host_key: &HostKey) -> Arc<Names> {
        let (version, at) = (self.known_hosts.version(), Instant::now());
        let mut all = self.seen.lock();
        if let Some(seen) = all.get(&host_key.blob)
            && seen.version == version
            && at.saturating_duration_since(seen.at) < KEPT
        {
            return seen.names.clone();
        }
        if all.len() == MAX_SEEN {
            all.clear();
        }
        let names = self.known_hosts.look_up(host_key, Announcement::default());
        let names = Arc::new(names);
        let seen = Seen {
            names: names.clone(),
            version,
            at,
        };
        all.insert(host_key.blob.clone(), seen);
        names
    }
}

impl KnownHosts {
    fn version(&self) -> Version {
        let version = |file: &PathBuf| {
            let file = std::fs::metadata(file).ok()?;
            Some((file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
        };
        self.files.iter().map(version).collect()
    }
}

impl Names {
    fn listed(&self, candidates: &[String]) -> Vec<String> {
        let mut listed: Vec<String> = Vec::new();
        for name in &self.names {
            let mut all = candidates.iter().chain(&self.asked_for);
            let name = match name {
                Name::Plain(name) => Some(name),
                Name::Hashed(hash) => all.find(|name| hash.is_of(name)),
            };
            listed.extend(name.filter(|name| !listed.contains(*name)).cloned());
        }
        listed
    }
}
