//! Names that shells complete, with a description each. What cannot be found out has no names.

use std::fs;

use opkssh_protocol::config::ClientConfig;
use opkssh_protocol::places::Places;

use crate::configuration::load_config;
use crate::status::report_if_running;

/// Returns the accounts of the agent, or of its index if it is not running.
pub fn account_names(places: &Places) -> Vec<(String, String)> {
    if let Ok(Some(report)) = report_if_running(places) {
        let accounts = report.accounts.into_iter();
        return accounts.map(|it| (it.alias, it.issuer)).collect();
    }
    let index = places.accounts_file().and_then(|file| fs::read(file).ok());
    let index = index.unwrap_or_default();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap_or_default();
    let accounts = index["accounts"].as_array().into_iter().flatten();
    let names = accounts.filter_map(|account| account["alias"].as_str());
    names.map(|name| (name.to_owned(), String::new())).collect()
}

/// Returns the aliases of the configured providers, or of the built-in ones.
pub fn provider_names(places: &Places) -> Vec<(String, String)> {
    let config = match load_config(None, places) {
        Ok(None) => ClientConfig::built_in().ok(),
        Ok(config) => config,
        Err(_) => None,
    };
    let providers = config.into_iter().flat_map(|config| config.providers);
    let named = |provider: opkssh_protocol::config::Provider| {
        let aliases = provider.aliases.into_iter();
        aliases.map(move |alias| (alias, provider.issuer.clone()))
    };
    providers.flat_map(named).collect()
}

/// Returns the plain names in known_hosts, and in the accounts' `hosts:`.
pub fn host_names(places: &Places) -> Vec<(String, String)> {
    let known = fs::read_to_string(places.home.join(".ssh/known_hosts")).unwrap_or_default();
    // a marker stands before the names of its line
    let names = known
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| !word.starts_with('@')));
    let mut names: Vec<String> = names
        .flat_map(|names| names.split(','))
        .map(str::to_owned)
        .collect();
    if let Ok(Some(report)) = report_if_running(places) {
        names.extend(
            report
                .accounts
                .into_iter()
                .flat_map(|account| account.hosts),
        );
    }
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._:@%".contains(letter);
    names.retain(|name| !name.is_empty() && name.chars().all(is_plain));
    names
        .into_iter()
        .map(|name| (name, String::new()))
        .collect()
}
