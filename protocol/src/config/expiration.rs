//! The key `expiration` of the client configuration.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::pk_token::ExpirationPolicy;

/// Reads the key. A wrong value fails at once and names its line, unlike for Go's keys.
pub(super) fn expiration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<ExpirationPolicy>, D::Error> {
    let Some(word) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    word.parse().map(Some).map_err(|_| {
        D::Error::custom(format!(
            "expiration: {word:?} is none of 12h, 24h, 48h, 1week, oidc, oidc_refreshed, never"
        ))
    })
}
