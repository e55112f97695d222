//! Account names on the command line, in the configuration and in the store.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest name that a user may give to an account, in bytes.
const LONGEST: usize = 64;

/// An account's name: given by the user, otherwise the provider's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct AccountName(String);

/// Error: not a valid account name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot be an account's name: a letter or digit, then letters, digits and @ . _ + - = : \
     ({LONGEST} bytes at most)"
)]
pub struct BadAccountName(String);

impl AccountName {
    /// Parses a name given by the user. Valid names are one word in a shell and a plain key in
    /// YAML.
    pub fn parse(text: &str) -> Result<Self, BadAccountName> {
        let plain = |c: char| c.is_alphanumeric() || "@._+-=:".contains(c);
        let good = text.len() <= LONGEST
            && text.starts_with(char::is_alphanumeric)
            && text.chars().all(plain);
        match good {
            true => Ok(Self(text.to_owned())),
            false => Err(BadAccountName(text.chars().take(LONGEST).collect())),
        }
    }

    /// Returns the name of an existing account. Names taken from a provider may contain characters
    /// that a user cannot choose, such as the slashes of an issuer.
    pub fn existing(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for AccountName {
    type Err = BadAccountName;

    fn from_str(text: &str) -> Result<Self, BadAccountName> {
        Self::parse(text)
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AccountName {
    type Error = BadAccountName;

    fn try_from(text: String) -> Result<Self, BadAccountName> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests;
