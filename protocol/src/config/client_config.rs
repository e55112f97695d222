//! Reads `~/.opk/config.yml`: Go's keys and the additional ones (`hosts`, `expiration`,
//! `on_demand`, `forwarding`, and the top-level `agent`).
//!
//! Unknown keys are ignored, as in Go, with a warning. Providers are checked only when they are
//! used: see [`choose`](super::choose()).

use std::collections::BTreeSet;

use serde::Deserialize;

use super::built_in;
use super::error::ConfigError;
use super::extensions::{
    AgentSection, Forwarding, OnDemand, expiration, forwarding, hosts, on_demand,
};
use super::keys::{Findings, WrongType, check_keys};
use super::provider::{DEFAULT_REDIRECT_URIS, Provider};
use crate::pk_token::ExpirationPolicy;
use crate::secret::Secret;
use crate::yaml_error;

/// The client configuration with its defaults filled in.
#[derive(Clone)]
pub struct ClientConfig {
    /// An alias, or `webchooser` in any letter case.
    pub default_provider: Option<String>,
    /// Providers in file order.
    pub providers: Vec<Provider>,
    /// Not in Go.
    pub agent: AgentSection,
    /// Warnings about keys without effect.
    pub warnings: Vec<String>,
}

impl ClientConfig {
    /// Reads YAML. `file` is the file's name in messages.
    pub fn parse(yaml: &str, file: &str) -> Result<Self, ConfigError> {
        // Go's parser skips a byte order mark
        let yaml = yaml.strip_prefix('\u{feff}').unwrap_or(yaml);
        let Findings {
            unknown,
            wrong_type,
        } = check_keys(yaml);
        // as in Go, an empty document is an empty configuration
        let raw: Option<RawConfig> = serde_saphyr::from_str(yaml).map_err(|error| {
            let line = error.location().map(|it| it.line());
            let wrong_type = wrong_type.unwrap_or_else(|| WrongType {
                line: line.unwrap_or_default(),
                reason: yaml_error::message(&error),
            });
            ConfigError::Parse {
                file: file.to_owned(),
                line: Some(wrong_type.line).filter(|line| *line > 0),
                reason: wrong_type.reason,
            }
        })?;
        let raw = raw.unwrap_or_default();
        Ok(Self {
            default_provider: raw.default_provider.filter(|alias| !alias.is_empty()),
            providers: raw
                .providers
                .unwrap_or_default()
                .into_iter()
                .map(RawProvider::into_provider)
                .collect(),
            agent: raw.agent.unwrap_or_default(),
            warnings: unknown.iter().map(|key| key.warning(file)).collect(),
        })
    }

    /// Returns the configuration that is used without a file.
    pub fn built_in() -> Result<Self, ConfigError> {
        Self::parse(&built_in::default_file(), "built-in configuration")
    }

    /// Fails with [`ConfigError::DuplicateAlias`] if two providers share an alias.
    pub fn check_aliases(providers: &[Provider]) -> Result<(), ConfigError> {
        let mut seen = BTreeSet::new();
        for alias in providers.iter().flat_map(|provider| &provider.aliases) {
            if !seen.insert(alias) {
                return Err(ConfigError::DuplicateAlias(alias.clone()));
            }
        }
        Ok(())
    }
}

#[derive(Default, Deserialize)]
struct RawConfig {
    default_provider: Option<String>,
    providers: Option<Vec<RawProvider>>,
    agent: Option<AgentSection>,
}

/// A provider as it is written; an empty value counts as missing, as in Go.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawProvider {
    pub alias: Option<String>,
    pub issuer: Option<String>,
    pub client_id: Option<String>,
    #[serde(with = "crate::secret::exposed_option")]
    pub client_secret: Option<Secret>,
    pub scopes: Option<String>,
    pub access_type: Option<String>,
    pub prompt: Option<String>,
    pub redirect_uris: Option<Vec<String>>,
    pub remote_redirect_uri: Option<String>,
    pub send_access_token: Option<bool>,
    #[serde(deserialize_with = "hosts")]
    pub hosts: Option<Vec<String>>,
    #[serde(deserialize_with = "expiration")]
    pub expiration: Option<ExpirationPolicy>,
    #[serde(deserialize_with = "on_demand")]
    pub on_demand: Option<OnDemand>,
    #[serde(deserialize_with = "forwarding")]
    pub forwarding: Option<Forwarding>,
    pub allow_via: Option<Vec<String>>,
    pub confirm_local: Option<bool>,
}

impl RawProvider {
    pub fn into_provider(self) -> Provider {
        Provider {
            aliases: words(self.alias.as_deref().unwrap_or_default()),
            issuer: self.issuer.unwrap_or_default(),
            client_id: self.client_id.unwrap_or_default(),
            client_secret: self.client_secret.filter(|secret| !secret.is_empty()),
            scopes: words(&filled(self.scopes, "openid profile email")),
            access_type: filled(self.access_type, "offline"),
            prompt: filled(self.prompt, "consent"),
            redirect_uris: match self.redirect_uris {
                Some(uris) if !uris.is_empty() => uris,
                _ => DEFAULT_REDIRECT_URIS.map(str::to_owned).to_vec(),
            },
            remote_redirect_uri: self.remote_redirect_uri.filter(|uri| !uri.is_empty()),
            send_access_token: self.send_access_token.unwrap_or_default(),
            hosts: self.hosts.unwrap_or_default(),
            expiration: self.expiration.unwrap_or_default(),
            on_demand: self.on_demand.unwrap_or_default(),
            forwarding: self.forwarding.unwrap_or_default(),
            allow_via: self.allow_via.unwrap_or_default(),
            confirm_local: self.confirm_local.unwrap_or_default(),
        }
    }
}

/// Splits at single blanks, as Go does, and skips the empty word between two blanks.
fn words(text: &str) -> Vec<String> {
    let words = text.split(' ').filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

fn filled(value: Option<String>, default: &str) -> String {
    let value = value.filter(|text| !text.is_empty());
    value.unwrap_or_else(|| default.to_owned())
}

#[cfg(test)]
mod tests;
