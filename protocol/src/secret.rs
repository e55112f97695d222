//! The one type for what must not leak: refresh tokens, private keys, client secrets.
//!
//! It has no `Debug`, no `Display`, no `Serialize`: a secret leaves it only where the code says
//! [`Secret::expose`], and memory is wiped when it is dropped.

use serde::{Deserialize, Deserializer, Serializer};
use zeroize::Zeroizing;

/// UTF-8 text that is wiped on drop and never formatted.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. Every caller is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `#[serde(with = "secret::exposed")]`: for messages on the control socket and for the store's
/// own records, the only two places where a secret is written out.
pub mod exposed {
    use super::*;

    pub fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

/// As [`exposed`], for an optional secret.
pub mod exposed_option {
    use super::*;

    pub fn serialize<S: Serializer>(
        secret: &Option<Secret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match secret {
            Some(secret) => serializer.serialize_some(secret.expose()),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
    }
}
