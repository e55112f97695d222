//! The server configuration `config.yml`: deny lists, and environment for requests to providers.
//!
//! A file that exists but cannot be used refuses everyone. Otherwise a deny list with a mistake
//! would silently have no effect.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::yaml_place;

/// The parsed file. An empty file is valid.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    pub deny: DenyLists,
    /// Variables that override the environment.
    pub env_vars: BTreeMap<String, String>,
    /// Unknown keys, for the log.
    pub unknown_keys: Vec<String>,
}

/// Accounts and addresses that are always refused.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct DenyLists {
    pub emails: Vec<String>,
    pub users: Vec<String>,
}

impl ServerConfig {
    /// Reads YAML. Skips unknown keys, as Go does, but fails if one contains a list or a text,
    /// because it could be a misspelt deny list.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let all: Option<BTreeMap<String, Value>> = read_yaml(bytes)?;
        let Some(all) = all else {
            return Ok(Self::default());
        };
        let mut unknown_keys = Vec::new();
        for (key, value) in all {
            if ["env_vars", "deny_emails", "deny_users"].contains(&key.as_str()) {
                continue;
            }
            if value.is_array() || value.is_string() || key.to_lowercase().contains("deny") {
                return Err(format!("unknown key {key:?} could be a misspelt deny list"));
            }
            unknown_keys.push(key);
        }
        let known: Known = read_yaml(bytes)?;
        let env_vars = known.env_vars.unwrap_or_default().into_iter();
        let env_vars: BTreeMap<_, _> = env_vars
            .map(|(name, value)| (name, value.unwrap_or_default()))
            .collect();
        let is_bad = |name: &&String| name.is_empty() || name.contains(['=', '\0']);
        if let Some(name) = env_vars.keys().find(is_bad) {
            return Err(format!("bad name in env_vars: {name:?}"));
        }
        Ok(Self {
            deny: DenyLists {
                emails: texts(known.deny_emails),
                users: texts(known.deny_users),
            },
            env_vars,
            unknown_keys,
        })
    }
}

impl DenyLists {
    /// Returns true if the list contains the address, ignoring letter case: a deny list should
    /// match too much rather than too little.
    pub fn has_email(&self, email: &str) -> bool {
        listed(&self.emails, email)
    }

    pub fn has_user(&self, user: &str) -> bool {
        listed(&self.users, user)
    }
}

/// `~` is an empty text, as in Go.
#[derive(Deserialize)]
struct Known {
    env_vars: Option<BTreeMap<String, Option<String>>>,
    deny_emails: Option<Vec<Option<String>>>,
    deny_users: Option<Vec<Option<String>>>,
}

fn texts(list: Option<Vec<Option<String>>>) -> Vec<String> {
    let list = list.unwrap_or_default().into_iter();
    list.map(Option::unwrap_or_default).collect()
}

/// Reads YAML as Go does: a key without a value has no effect.
pub(crate) fn read_yaml<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
    serde_saphyr::from_str(text).map_err(|error| yaml_place::explain(&error, text))
}

fn listed(list: &[String], name: &str) -> bool {
    let name = folded(name);
    list.iter().any(|listed| folded(listed) == name)
}

/// Folds letter case by way of upper case, so that letters that share only their upper case (`ſ`
/// and `s`) match.
pub(crate) fn folded(text: &str) -> String {
    text.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests;
