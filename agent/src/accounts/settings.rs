//! What the client configuration says now about an account: it may have changed since the login.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use opkssh_protocol::config::{
    AccountOverrides, ClientConfig, LockOn, OnDemand, Provider, suggestion,
};
use opkssh_protocol::pk_token::ExpirationPolicy;
use parking_lot::{Mutex, MutexGuard};

use super::shared::Shared;
use crate::serving::source::Visibility;

/// The configuration files, read again when they change.
pub struct Settings {
    files: Vec<PathBuf>,
    looked: Mutex<Looked>,
}

/// The configuration as it was read last. It never changes; another one takes its place.
#[derive(Default)]
pub struct InForce {
    /// `None`: there is no file, or none could be read yet.
    read: Option<Read>,
}

struct Read {
    file: PathBuf,
    config: ClientConfig,
}

#[derive(Default)]
struct Looked {
    /// The file as it was found last. It is not read again, nor logged, until it changes.
    found: Option<Stamp>,
    in_force: Shared<InForce>,
    /// Why that file cannot be read.
    unreadable: Option<String>,
}

/// A file as it was found: its path, times of the last writing and change of mode (in seconds and
/// nanoseconds), inode and length. No file: it could not even be looked for.
type Stamp = (PathBuf, Option<[i64; 6]>);

impl Settings {
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self {
            files,
            looked: Mutex::default(),
        }
    }

    /// Returns the settings in force, after a look at the files' times.
    pub fn look(&self) -> Shared<InForce> {
        self.looked().in_force.clone()
    }

    /// Returns why the file cannot be read, for `status`.
    pub fn unreadable(&self) -> Option<String> {
        let reason = self.looked().unreadable.clone()?;
        Some(format!(
            "{reason}; until it can be read, accounts are shown to the servers that they were last \
             shown to"
        ))
    }

    /// Returns `agent.lock_on`; `None`: there is a configuration, and it cannot be read.
    pub fn lock_on(&self) -> Option<BTreeSet<LockOn>> {
        match &self.look().read {
            Some(read) => Some(read.config.agent.lock_on.clone()),
            None if self.files.iter().any(|file| file.exists()) => None,
            None => Some(BTreeSet::new()),
        }
    }

    fn looked(&self) -> MutexGuard<'_, Looked> {
        let mut looked = self.looked.lock();
        let found = self.files.iter().find_map(|file| stamp(file));
        if looked.found != found {
            looked.read(found.as_ref().map(|(file, _)| file));
            looked.found = found;
        }
        looked
    }
}

impl InForce {
    /// Returns to which servers this account is shown. `before` counts while no file can be read.
    pub fn visibility(
        &self,
        account: &str,
        provider: &Provider,
        before: Option<&Visibility>,
    ) -> Visibility {
        if let (None, Some(before)) = (&self.read, before) {
            return before.clone();
        }
        let entry = self.entry(provider);
        let own = self.own(account).cloned().unwrap_or_default();
        let read = self.read.as_ref();
        let public_forges = read.and_then(|read| read.config.agent.public_forges.clone());
        Visibility {
            hosts: own.hosts.unwrap_or_else(|| entry.hosts.clone()),
            forwarding: own.forwarding.unwrap_or(entry.forwarding),
            allow_via: own.allow_via.unwrap_or_else(|| entry.allow_via.clone()),
            confirm_local: own.confirm_local.unwrap_or(entry.confirm_local),
            public_forges: public_forges.unwrap_or_else(|| Visibility::default().public_forges),
        }
    }

    /// Returns the expiration policy to plan for.
    pub fn expiration(&self, account: &str, provider: &Provider) -> ExpirationPolicy {
        let own = self.own(account).and_then(|own| own.expiration);
        own.unwrap_or(self.entry(provider).expiration)
    }

    pub fn on_demand(&self, account: &str, provider: &Provider) -> OnDemand {
        let own = self.own(account).and_then(|own| own.on_demand);
        own.unwrap_or(self.entry(provider).on_demand)
    }

    /// Returns `agent.upstream`.
    pub fn upstream(&self) -> Option<Vec<String>> {
        let read = self.read.as_ref()?;
        read.config.agent.upstream.clone()
    }

    /// Returns `agent.default_account`.
    pub fn default_account(&self) -> Option<&str> {
        let read = self.read.as_ref()?;
        read.config.agent.default_account.as_deref()
    }

    /// Returns a warning for each entry of `agent.accounts` that is of no account in `accounts` and
    /// of no provider.
    pub fn unknown_accounts(&self, accounts: &[&str]) -> Vec<String> {
        let Some(Read { file, config }) = &self.read else {
            return Vec::new();
        };
        let mut known = accounts.to_vec();
        known.extend(config.providers.iter().map(Provider::name));
        let names = config.agent.accounts.keys();
        let unknown = names.filter(|name| !known.contains(&name.as_str()));
        unknown
            .map(|name| {
                let hint = suggestion(name, &known).map(|name| format!("; did you mean {name}?"));
                let (file, hint) = (file.display(), hint.unwrap_or_default());
                format!("{file}: agent.accounts.{name}: there is no account {name}{hint}")
            })
            .collect()
    }

    /// Returns what `status` says about the file.
    pub fn warnings(&self) -> &[String] {
        let read = self.read.as_ref();
        read.map_or(&[], |read| &read.config.warnings)
    }

    /// Returns what `agent.accounts` says of the account.
    fn own(&self, account: &str) -> Option<&AccountOverrides> {
        self.read.as_ref()?.config.agent.accounts.get(account)
    }

    /// Returns what the configuration says of the provider now, else what it said at the login.
    fn entry<'a>(&'a self, provider: &'a Provider) -> &'a Provider {
        let read = self.read.iter();
        let same = read
            .flat_map(|read| &read.config.providers)
            .filter(|entry| {
                entry.issuer == provider.issuer && entry.client_id == provider.client_id
            });
        // two of one issuer and client may differ in their aliases only
        let named = same.clone().find(|entry| entry.name() == provider.name());
        named.or(same.clone().next()).unwrap_or(provider)
    }
}

impl Looked {
    fn read(&mut self, file: Option<&PathBuf>) {
        let mut read = match file.map(|file| parse(file)).transpose() {
            Ok(read) => read,
            // half-written perhaps: what was read before goes on counting
            Err(reason) => {
                tracing::warn!("the client configuration is not readable: {reason}");
                self.unreadable = Some(reason);
                return;
            }
        };
        if let (Some(read), Some(before)) = (&mut read, &self.in_force.read)
            && before.file != read.file
        {
            read.config.warnings.push(format!(
                "{} is gone: the settings are now those of {}",
                before.file.display(),
                read.file.display()
            ));
        }
        self.unreadable = None;
        self.in_force = Shared::new(InForce { read });
    }
}

fn parse(file: &Path) -> Result<Read, String> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    if is_blank(&text) {
        return Err(format!("{name}: the file is empty"));
    }
    let mut config = ClientConfig::parse(&text, &name).map_err(|error| error.to_string())?;
    // of no use here, and it would stay in memory even while the agent is locked
    for provider in &mut config.providers {
        provider.client_secret = None;
    }
    let file = file.to_owned();
    Ok(Read { file, config })
}

/// Returns true if a file has no settings at all, as one that was cut off.
fn is_blank(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    text.lines().all(|line| {
        let line = line.split('#').next().unwrap_or_default().trim();
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

#[cfg(test)]
mod tests;
