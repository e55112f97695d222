//! Providers in one-line form: `--provider` and `OPKSSH_PROVIDERS`.

use super::class::ProviderClass;
use super::client_config::RawProvider;
use super::error::ConfigError;
use super::provider::Provider;
use crate::secret::Secret;

/// Parses `--provider ISSUER,CLIENT_ID[,SECRET[,SCOPES]]`. Further fields are ignored, as in Go.
pub fn parse_provider_argument(text: &str) -> Result<Provider, ConfigError> {
    let fields: Vec<&str> = text.split(',').collect();
    let [issuer, client_id, rest @ ..] = fields.as_slice() else {
        return Err(ConfigError::ProviderString(text.to_owned()));
    };
    if client_id.is_empty() {
        return Err(ConfigError::ClientId {
            provider: (*issuer).to_owned(),
        });
    }
    let secret = rest.first().copied().unwrap_or_default();
    let class = ProviderClass::of(issuer, client_id, &[]);
    if class == ProviderClass::Google && secret.is_empty() {
        return Err(ConfigError::GoogleSecret);
    }
    let scopes = match rest.get(1) {
        None => "openid email",
        Some(text) if text.trim().is_empty() => class.default_scopes(),
        Some(text) => text,
    };
    let raw = RawProvider {
        issuer: Some((*issuer).to_owned()),
        client_id: Some((*client_id).to_owned()),
        client_secret: Some(Secret::new(secret.to_owned())),
        scopes: Some(scopes.to_owned()),
        ..RawProvider::default()
    };
    Ok(raw.into_provider())
}

/// Parses `OPKSSH_PROVIDERS`: items `ALIAS,ISSUER,CLIENT_ID[,SECRET[,SCOPES]]` separated by `;`.
/// Skips empty items, such as the one after a trailing `;`.
pub fn parse_providers_environment(text: &str) -> Result<Vec<Provider>, ConfigError> {
    text.split(';')
        .filter(|item| !item.trim().is_empty())
        .map(|item| {
            let (alias, rest) = item.split_once(',').ok_or_else(|| {
                // an item without a comma could be a secret, so it is cut
                ConfigError::ProviderString(item.chars().take(40).collect())
            })?;
            let mut provider = parse_provider_argument(rest)?;
            if !alias.is_empty() {
                provider.aliases.push(alias.to_owned());
            }
            Ok(provider)
        })
        .collect::<Result<_, _>>()
        .map_err(|error| ConfigError::Environment(Box::new(error)))
}

#[cfg(test)]
mod tests;
