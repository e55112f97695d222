//! Reads `~/.opk/config.yml`: Go's keys and the additional ones (`hosts`, `expiration`,
//! `on_demand`, `forwarding`, and the top-level `agent`).
//!
//! Unknown keys are ignored, as in Go, with a warning. Providers are checked only when they are
//! used: see [`choose`](super::choose()).

use std::collections::BTreeSet;

use serde::Deserialize;

use super::agent_section::AgentSection;
use super::built_in;
use super::error::ConfigError;
use super::expiration::expiration;
use super::forwarding::{Forwarding, forwarding};
use super::hosts::hosts;
use super::on_demand::{OnDemand, on_demand};
use super::provider::{DEFAULT_REDIRECT_URIS, Provider};
use super::unknown_keys::unknown_keys;
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
        // as in Go, an empty document is an empty configuration
        let raw: Option<RawConfig> =
            serde_saphyr::from_str(yaml).map_err(|error| ConfigError::Parse {
                file: file.to_owned(),
                line: error
                    .location()
                    .map(|location| location.line())
                    .filter(|line| *line > 0),
                reason: yaml_error::one_line(&error),
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
            warnings: unknown_keys(yaml)
                .iter()
                .map(|key| key.warning(file))
                .collect(),
        })
    }

    /// Returns the configuration that is used without a file.
    pub fn built_in() -> Result<Self, ConfigError> {
        Self::parse(&built_in::default_file(), "built-in configuration")
    }

    /// Returns every alias with its provider, in file order.
    ///
    /// # Errors
    ///
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

#[derive(Deserialize)]
struct RawProvider {
    alias: Option<String>,
    issuer: Option<String>,
    client_id: Option<String>,
    #[serde(default, with = "crate::secret::exposed_option")]
    client_secret: Option<Secret>,
    scopes: Option<String>,
    access_type: Option<String>,
    prompt: Option<String>,
    redirect_uris: Option<Vec<String>>,
    remote_redirect_uri: Option<String>,
    send_access_token: Option<bool>,
    #[serde(default, deserialize_with = "hosts")]
    hosts: Option<Vec<String>>,
    #[serde(default, deserialize_with = "expiration")]
    expiration: Option<ExpirationPolicy>,
    #[serde(default, deserialize_with = "on_demand")]
    on_demand: Option<OnDemand>,
    #[serde(default, deserialize_with = "forwarding")]
    forwarding: Option<Forwarding>,
}

impl RawProvider {
    fn into_provider(self) -> Provider {
        Provider {
            aliases: words(self.alias.as_deref().unwrap_or_default()),
            issuer: self.issuer.unwrap_or_default(),
            client_id: self.client_id.unwrap_or_default(),
            client_secret: self.client_secret.filter(|secret| !secret.is_empty()),
            scopes: words(filled(self.scopes, "openid profile email").as_str()),
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
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Returns the value, or `None` if it is empty: Go does not distinguish empty from missing.
fn filled(value: Option<String>, default: &str) -> String {
    value
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| default.to_owned())
}

#[cfg(test)]
mod tests;
