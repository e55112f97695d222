//! The key `hosts:`, patterns of the servers that see an account.

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer};

/// Reads the list. Fails on an empty value, which would show the account to every server.
pub(super) fn hosts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    let hosts = Option::<Vec<String>>::deserialize(deserializer)?;
    let missing = "hosts: no value; list host patterns, or remove the key";
    hosts.map(Some).ok_or_else(|| D::Error::custom(missing))
}
