//! Use of an account through a forwarded agent.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The key `forwarding`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forwarding {
    /// Only for logins to servers that match `hosts:`.
    #[default]
    Allow,
    /// Never: forwarded connections neither see nor use the account.
    Deny,
}

/// Error: the word is not a value of `forwarding`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownForwarding {
    /// `confirm`: with a prompt for each use, which is not implemented.
    #[error("forwarding: confirm is not supported yet; use allow or deny")]
    Confirm,
    /// Any other word.
    #[error("forwarding: {0:?} is neither allow nor deny")]
    Other(String),
}

impl FromStr for Forwarding {
    type Err = UnknownForwarding;

    fn from_str(word: &str) -> Result<Self, UnknownForwarding> {
        match word {
            "allow" => Ok(Self::Allow),
            "deny" => Ok(Self::Deny),
            "confirm" => Err(UnknownForwarding::Confirm),
            _ => Err(UnknownForwarding::Other(word.to_owned())),
        }
    }
}

impl fmt::Display for Forwarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}

/// Reads the key.
pub(super) fn forwarding<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Forwarding>, D::Error> {
    let word = Option::<String>::deserialize(deserializer)?;
    word.map(|word| word.parse())
        .transpose()
        .map_err(D::Error::custom)
}
