//! `hosts:`, the patterns of servers that an account is shown to.

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer};

/// Reads the list. Fails without a value, which would show an account to every server.
pub(super) fn hosts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    let hosts = Option::<Vec<String>>::deserialize(deserializer)?;
    let missing = "hosts: no value; list host patterns, or remove the key";
    hosts.map(Some).ok_or_else(|| D::Error::custom(missing))
}
