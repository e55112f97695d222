//! What the client configuration says now about an account: it may have changed since the login.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use opkssh_protocol::config::{AgentSection, ClientConfig, LockOn, OnDemand, Provider, suggestion};
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

struct Looked {
    in_force: Shared<InForce>,
    /// A file that cannot be read is not tried again, nor logged, until it changes.
    unreadable: Option<Unreadable>,
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
            looked: Mutex::new(Looked {
                in_force: Shared::new(InForce::default()),
                unreadable: None,
            }),
        }
    }

    /// Returns the settings in force, after a look at the files' times.
    pub fn look(&self) -> Shared<InForce> {
        self.looked().in_force.clone()
    }

    /// Returns why the file cannot be read, for `status`.
    pub fn unreadable(&self) -> Option<String> {
        let looked = self.looked();
        let unreadable = looked.unreadable.as_ref()?;
        Some(format!(
            "{}; until it can be read, accounts are shown to the servers that they were last shown \
             to",
            unreadable.reason
        ))
    }

    /// Returns `agent.lock_on`; `None`: there is a configuration, and it cannot be read.
    pub fn lock_on(&self) -> Option<BTreeSet<LockOn>> {
        match &self.look().read {
            Some(read) => Some(read.agent.lock_on.clone()),
            None if self.files.iter().any(|file| file.exists()) => None,
            None => Some(BTreeSet::new()),
        }
    }

    fn looked(&self) -> MutexGuard<'_, Looked> {
        let mut looked = self.looked.lock();
        looked.look(&self.files);
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
        let Some(read) = &self.read else {
            return before.cloned().unwrap_or_else(|| visibility(provider));
        };
        let general = visibility(read.entry(provider));
        let own = read
            .agent
            .accounts
            .get(account)
            .cloned()
            .unwrap_or_default();
        Visibility {
            hosts: own.hosts.unwrap_or(general.hosts),
            forwarding: own.forwarding.unwrap_or(general.forwarding),
            public_forges: match &read.agent.public_forges {
                Some(patterns) => patterns.clone(),
                None => general.public_forges,
            },
        }
    }

    /// Returns the expiration policy to plan for.
    pub fn expiration(&self, account: &str, provider: &Provider) -> ExpirationPolicy {
        let own = |read: &Read| read.agent.accounts.get(account)?.expiration;
        let own = self.read.as_ref().and_then(own);
        own.unwrap_or(self.entry(provider).expiration)
    }

    pub fn on_demand(&self, account: &str, provider: &Provider) -> OnDemand {
        let own = |read: &Read| read.agent.accounts.get(account)?.on_demand;
        let own = self.read.as_ref().and_then(own);
        own.unwrap_or(self.entry(provider).on_demand)
    }

    /// Returns `agent.default_account`.
    pub fn default_account(&self) -> Option<&str> {
        self.read.as_ref()?.agent.default_account.as_deref()
    }

    /// Returns a warning for each entry of `agent.accounts` that is of no account in `accounts` and
    /// of no provider.
    pub fn unknown_accounts(&self, accounts: &[String]) -> Vec<String> {
        let Some(read) = &self.read else {
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

    /// Returns what `status` says about the file.
    pub fn warnings(&self) -> &[String] {
        self.read.as_ref().map_or(&[], |read| &read.warnings)
    }

    /// Returns what the configuration says of the provider now, else what it said at the login.
    fn entry<'a>(&'a self, provider: &'a Provider) -> &'a Provider {
        let read = self.read.as_ref();
        read.map_or(provider, |read| read.entry(provider))
    }
}

impl Read {
    /// The entry of the same issuer and client. Two of them may differ in their aliases only.
    fn entry<'a>(&'a self, provider: &'a Provider) -> &'a Provider {
        let same = |entry: &&Provider| {
            entry.issuer == provider.issuer && entry.client_id == provider.client_id
        };
        let named = self.providers.iter().filter(same);
        named
            .clone()
            .find(|entry| entry.name() == provider.name())
            .or(named.clone().next())
            .unwrap_or(provider)
    }
}

impl Looked {
    fn look(&mut self, files: &[PathBuf]) {
        let Some(stamp) = files.iter().find_map(|file| stamp(file)) else {
            self.unreadable = None;
            if self.in_force.read.is_some() {
                self.in_force = Shared::new(InForce::default());
            }
            return;
        };
        if self
            .unreadable
            .as_ref()
            .is_some_and(|one| one.stamp == stamp)
        {
            return;
        }
        let read = self.in_force.read.as_ref();
        if read.is_some_and(|read| read.stamp == stamp) {
            self.unreadable = None;
            return;
        }
        match parse(&stamp.0) {
            Ok(config) => {
                let before = read.map(|read| &read.stamp.0);
                let mut warnings = config.warnings;
                if let Some(before) = before.filter(|before| **before != stamp.0) {
                    warnings.push(format!(
                        "{} is gone: the settings are now those of {}",
                        before.display(),
                        stamp.0.display()
                    ));
                }
                self.unreadable = None;
                self.in_force = Shared::new(InForce {
                    read: Some(Read {
                        stamp,
                        providers: config.providers,
                        agent: config.agent,
                        warnings,
                    }),
                });
            }
            // half-written perhaps: what was read before goes on counting
            Err(reason) => {
                tracing::warn!("the client configuration is not readable: {reason}");
                self.unreadable = Some(Unreadable { stamp, reason });
            }
        }
    }
}

fn parse(file: &Path) -> Result<ClientConfig, String> {
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
    Ok(config)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn notices(settings: &Settings) -> Vec<String> {
        let warnings = settings.look().warnings().to_vec();
        settings.unreadable().into_iter().chain(warnings).collect()
    }

    #[test]
    fn a_file_that_cannot_be_looked_for_lets_no_other_count() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name| directory.path().join(name);
        std::fs::write(file("second"), "agent: {default_account: a}\n").unwrap();
        let settings = Settings::new(vec![file("first"), file("second")]);
        assert_eq!(settings.look().default_account(), Some("a"));
        assert_eq!(notices(&settings), [""; 0]);

        std::os::unix::fs::symlink("loop", file("loop")).unwrap();
        let settings = Settings::new(vec![file("loop"), file("second")]);
        assert_eq!(settings.look().default_account(), None);
        let told = notices(&settings);
        assert!(told[0].contains("/loop: "), "{told:?}");
        // it is tried again when it has changed
        std::fs::remove_file(file("loop")).unwrap();
        assert_eq!(settings.look().default_account(), Some("a"));
        assert_eq!(notices(&settings), [""; 0]);
    }

    #[test]
    fn an_empty_file_widens_nothing_and_another_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name| directory.path().join(name);
        let settings = Settings::new(vec![file("first"), file("second")]);
        let narrow = "agent: {default_account: a, accounts: {wor: {hosts: [web]}}}\n";
        std::fs::write(file("first"), narrow).unwrap();
        assert_eq!(settings.look().default_account(), Some("a"));
        let unknown = settings.look().unknown_accounts(&["work".to_owned()]);
        assert!(
            unknown[0].ends_with("no account wor; did you mean work?"),
            "{unknown:?}"
        );
        assert_eq!(
            settings.look().unknown_accounts(&["wor".to_owned()]),
            [""; 0]
        );
        for blank in ["", "# nothing\n", "--- ~\n", "---\nnull\n"] {
            std::fs::write(file("first"), blank).unwrap();
            assert_eq!(settings.look().default_account(), Some("a"));
            let told = notices(&settings);
            assert!(told[0].contains("first: the file is empty"), "{told:?}");
        }
        std::fs::write(file("second"), "agent: {default_account: b}\n").unwrap();
        std::fs::remove_file(file("first")).unwrap();
        assert_eq!(settings.look().default_account(), Some("b"));
        let told = notices(&settings);
        assert!(told[0].contains("first is gone"), "{told:?}");
    }

    #[test]
    fn what_was_read_counts_while_the_file_is_broken() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.yml");
        let settings = Settings::new(vec![file.clone()]);
        std::fs::write(&file, "agent: {default_account: a}\n").unwrap();
        assert_eq!(settings.look().default_account(), Some("a"));
        std::fs::write(&file, "agent:\n  - {[\n").unwrap();
        assert_eq!(settings.look().default_account(), Some("a"));
        let told = notices(&settings);
        assert!(told[0].contains("config.yml:2"), "{told:?}");
        std::fs::write(&file, "agent: {default_account: bob}\n").unwrap();
        assert_eq!(settings.look().default_account(), Some("bob"));
        assert_eq!(notices(&settings), [""; 0]);
    }
}
