//! What the client configuration says now about an account: it may have changed since the login.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::SystemTime;

use opkssh_protocol::config::{ClientConfig, Provider};
use opkssh_protocol::pk_token::ExpirationPolicy;

/// Settings of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSettings {
    pub hosts: Vec<String>,
    pub expiration: ExpirationPolicy,
}

/// The configuration files, read again when they change.
pub struct Settings {
    files: Vec<PathBuf>,
    read: Mutex<Option<Read>>,
}

struct Read {
    stamp: (PathBuf, SystemTime),
    providers: Vec<Provider>,
}

impl Settings {
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self {
            files,
            read: Mutex::new(None),
        }
    }

    /// The settings for an account at `provider`: from the configuration's entry of the same
    /// issuer and client, else what it had at the login.
    pub fn of(&self, provider: &Provider) -> AccountSettings {
        let mut read = self
            .read
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        self.refresh(&mut read);
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
        AccountSettings {
            hosts: current.hosts.clone(),
            expiration: current.expiration,
        }
    }

    fn refresh(&self, read: &mut Option<Read>) {
        let stamp = self
            .files
            .iter()
            .find_map(|file| Some((file.clone(), std::fs::metadata(file).ok()?.modified().ok()?)));
        let Some(stamp) = stamp else {
            *read = None;
            return;
        };
        if read.as_ref().is_some_and(|read| read.stamp == stamp) {
            return;
        }
        let parsed = std::fs::read_to_string(&stamp.0)
            .map_err(|error| error.to_string())
            .and_then(|text| {
                ClientConfig::parse(&text, &stamp.0.display().to_string())
                    .map_err(|error| error.to_string())
            });
        match parsed {
            Ok(config) => {
                *read = Some(Read {
                    stamp,
                    providers: config.providers,
                })
            }
            // half-written perhaps: what was read before goes on counting
            Err(error) => tracing::warn!("the client configuration is not readable: {error}"),
        }
    }
}
