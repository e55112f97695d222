//! The key `expiration`, as the client configuration has it.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::pk_token::ExpirationPolicy;

/// Reads the key. Unlike one of Go's, a wrong value is refused at once and with its line.
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
