//! Reaction to ssh needing an account that requires an interactive login.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The key `on_demand`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDemand {
    /// Show a desktop notification that offers to log in.
    #[default]
    Notify,
    /// Open the browser at once.
    Browser,
    /// Do nothing; the user runs `opkssh login`.
    Off,
}

/// Error: the word is not a value of `on_demand`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("on_demand: {0:?} is none of notify, browser, off")]
pub struct UnknownOnDemand(pub String);

impl FromStr for OnDemand {
    type Err = UnknownOnDemand;

    fn from_str(word: &str) -> Result<Self, UnknownOnDemand> {
        match word {
            "notify" => Ok(Self::Notify),
            "browser" => Ok(Self::Browser),
            "off" => Ok(Self::Off),
            _ => Err(UnknownOnDemand(word.to_owned())),
        }
    }
}

impl fmt::Display for OnDemand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Notify => "notify",
            Self::Browser => "browser",
            Self::Off => "off",
        })
    }
}

/// Reads the key. YAML 1.1 readers take a bare `off` for `false`, so `false` means `off` here.
pub(super) fn on_demand<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<OnDemand>, D::Error> {
    let Some(word) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    match word.as_str() {
        "false" => Ok(Some(OnDemand::Off)),
        word => word.parse().map(Some).map_err(D::Error::custom),
    }
}
