//! Chooses the provider to log in at, with the precedence of Go's client.

use super::class::ProviderClass;
use super::client_config::ClientConfig;
use super::error::ConfigError;
use super::provider::Provider;
use super::provider_string::{parse_provider_argument, parse_providers_environment};
use super::transport::is_https_or_loopback;

/// Choices of the user, from the command line and the environment.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// `login ALIAS`
    pub alias: Option<&'a str>,
    /// `--provider`
    pub provider: Option<&'a str>,
    /// `--remote-redirect-uri`
    pub remote_redirect_uri: Option<&'a str>,
    /// `--send-access-token`
    pub send_access_token: Option<bool>,
    /// `OPKSSH_DEFAULT`
    pub environment_default: Option<&'a str>,
    /// `OPKSSH_PROVIDERS`
    pub environment_providers: Option<&'a str>,
}

/// Chooses the providers for a login: `--provider`; otherwise the alias from the argument,
/// `OPKSSH_DEFAULT` or `default_provider`, looked up in `OPKSSH_PROVIDERS` or, if that is empty, in
/// the configuration; otherwise all but those for CI. Of several, the user chooses one on a page in
/// the browser.
///
/// The returned providers are checked and contain only what is sent to them.
pub fn choose(wanted: &Wanted<'_>, config: &ClientConfig) -> Result<Vec<Provider>, ConfigError> {
    let chosen = match wanted.provider.filter(|text| !text.is_empty()) {
        Some(text) => vec![parse_provider_argument(text)?],
        None => by_alias(wanted, config)?,
    };
    let chosen = chosen.into_iter();
    chosen.map(|it| ready(it, wanted, config)).collect()
}

/// Returns Go's warning for a provider that is not in the configuration, for which
/// `send_access_token` is off.
pub fn unknown_issuer_warning(chosen: &[Provider], config: &ClientConfig) -> Option<String> {
    let [provider] = chosen else { return None };
    let issuer = &provider.issuer;
    let is_known = config.providers.iter().any(|it| it.issuer == *issuer);
    (!is_known)
        .then(|| format!("Warning: could not find issuer {issuer} in client config providers"))
}

const CHOOSER: &str = "webchooser";

fn by_alias(wanted: &Wanted<'_>, config: &ClientConfig) -> Result<Vec<Provider>, ConfigError> {
    let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let alias = given(wanted.alias)
        .or_else(|| given(wanted.environment_default))
        .or_else(|| config.default_provider.clone())
        .unwrap_or_else(|| CHOOSER.into());
    let mut providers = match wanted.environment_providers.filter(|text| !text.is_empty()) {
        Some(text) => parse_providers_environment(text)?,
        None => config.providers.clone(),
    };
    if alias.eq_ignore_ascii_case(CHOOSER) {
        providers.retain(|provider| !class(provider).is_ci());
        return match providers.is_empty() {
            true => Err(ConfigError::NoProvider),
            false => Ok(providers),
        };
    }
    ClientConfig::check_aliases(&providers)?;
    match providers.iter().find(|provider| provider.has_alias(&alias)) {
        Some(provider) => Ok(vec![provider.clone()]),
        None => Err(ConfigError::UnknownAlias {
            alias,
            known: providers.into_iter().flat_map(|it| it.aliases).collect(),
        }),
    }
}

/// Checks a provider as Go does before using it, and applies the flags.
fn ready(
    mut provider: Provider,
    wanted: &Wanted<'_>,
    config: &ClientConfig,
) -> Result<Provider, ConfigError> {
    if !is_safe_issuer(&provider.issuer) {
        return Err(ConfigError::Issuer(provider.issuer));
    }
    if provider.client_id.is_empty() {
        return Err(ConfigError::ClientId {
            provider: provider.name().to_owned(),
        });
    }
    let class = class(&provider);
    if !class.takes_secret() {
        provider.client_secret = None;
    }
    if let Some(uri) = wanted.remote_redirect_uri.filter(|uri| !uri.is_empty()) {
        provider.remote_redirect_uri = Some(uri.to_owned());
    }
    provider.send_access_token = wanted.send_access_token.unwrap_or_else(|| {
        let mut entries = config.providers.iter();
        let entry = entries.find(|entry| entry.issuer == provider.issuer);
        entry.is_some_and(|entry| entry.send_access_token)
    });
    Ok(provider)
}

fn class(provider: &Provider) -> ProviderClass {
    ProviderClass::of(&provider.issuer, &provider.client_id, &provider.aliases)
}

/// Returns true for https, and for http to this machine: tokens never cross a network in clear.
fn is_safe_issuer(issuer: &str) -> bool {
    // the parser also accepts other spellings of the scheme and its slashes
    (issuer.starts_with("https://") || issuer.starts_with("http://"))
        && url::Url::parse(issuer).is_ok_and(|url| is_https_or_loopback(&url))
}

#[cfg(test)]
mod tests;
