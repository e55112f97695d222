//! Events that lock the agent's identities.

use std::collections::BTreeSet;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A value in `agent.lock_on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockOn {
    /// The screen is locked.
    Screen,
    /// The machine is about to sleep.
    Sleep,
}

/// Reads a list of words; an empty value is an empty list.
pub(super) fn lock_on<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeSet<LockOn>, D::Error> {
    let words = Option::<Vec<String>>::deserialize(deserializer)?;
    let read = |word: String| match word.as_str() {
        "screen" => Ok(LockOn::Screen),
        "sleep" => Ok(LockOn::Sleep),
        _ => Err(D::Error::custom(format!(
            "lock_on: {word:?} is none of screen, sleep"
        ))),
    };
    words.unwrap_or_default().into_iter().map(read).collect()
}
