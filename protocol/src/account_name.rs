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
mod tests {
    use super::*;

    #[test]
    fn names_are_one_plain_word() {
        for name in [
            "a",
            "work-2",
            "bob@example.com",
            "b+x=1@a",
            "Größe",
            "x_y.z:1",
        ] {
            assert_eq!(AccountName::parse(name).unwrap().as_str(), name);
        }
        let long = "x".repeat(65);
        for name in [
            "",
            " ",
            "a b",
            "a/b",
            "-a",
            ".a",
            "a\n",
            "a\u{202e}b",
            "a'b",
            "a,b",
            "a\\b",
            "$a",
            "@a",
            "=a",
            ":",
            &long,
        ] {
            assert!(AccountName::parse(name).is_err(), "{name:?}");
        }
        // characters that a shell or YAML gives a meaning
        for sign in ";&|*?#()<>[]{}!~%^`$\"'\\".chars() {
            let name = format!("a{sign}b");
            assert!(AccountName::parse(&name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_message_cannot_carry_another() {
        assert!(serde_json::from_str::<AccountName>("\"a/b\"").is_err());
        assert!(serde_json::from_str::<AccountName>("\"a\"").is_ok());
    }
}
