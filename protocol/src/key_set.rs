//! A provider's published keys (JWKS, RFC 7517 section 5).

use serde_json::Value;

use crate::json::{self, JsonError, Object};
use crate::jwk::{Algorithm, PublicKey};

/// Keys that may have signed an ID token. Unsupported keys are skipped, so that one of them does
/// not disable the others.
#[derive(Debug, Clone)]
pub struct KeySet {
    keys: Vec<Key>,
    /// Number of keys in the document, unsupported ones included.
    published: usize,
}

#[derive(Debug, Clone)]
struct Key {
    kid: Option<String>,
    algorithm: Option<Algorithm>,
    key: PublicKey,
}

impl KeySet {
    /// Reads a JWK set, or a bare JWK.
    pub fn parse(document: &[u8]) -> Result<Self, JsonError> {
        let document = json::parse_object(document)?;
        let jwks: Vec<&Object> = match document.get("keys") {
            Some(Value::Array(keys)) => keys.iter().filter_map(Value::as_object).collect(),
            _ => vec![&document],
        };
        Ok(Self {
            published: jwks.len(),
            keys: jwks.into_iter().filter_map(Key::from_jwk).collect(),
        })
    }

    /// Returns true if the set has no usable key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the names of the usable keys; `None` for a key without one.
    pub fn names(&self) -> impl Iterator<Item = Option<&str>> {
        self.keys.iter().map(|key| key.kid.as_deref())
    }

    /// Returns the keys that may have signed a token with this `kid` and algorithm: all keys of
    /// that name; without a `kid`, the only key of the set.
    pub fn candidates(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &PublicKey> {
        let is_named = move |key: &&Key| match kid {
            Some(kid) => key.kid.as_deref() == Some(kid),
            None => self.published == 1,
        };
        let fits = move |key: &&Key| {
            key.algorithm.is_none_or(|own| own == algorithm) && key.key.fits(algorithm)
        };
        let keys = self.keys.iter().filter(is_named).filter(fits);
        keys.map(|key| &key.key)
    }

    /// Returns true if there is a key of this name. Otherwise the provider may have rotated its
    /// keys.
    pub fn knows(&self, kid: Option<&str>) -> bool {
        match kid {
            Some(kid) => self.keys.iter().any(|key| key.kid.as_deref() == Some(kid)),
            None => self.published == 1,
        }
    }
}

impl Key {
    fn from_jwk(jwk: &Object) -> Option<Self> {
        // null counts as absent
        let member = |name| jwk.get(name).filter(|value| !value.is_null());
        if member("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        let algorithm = match member("alg") {
            None => None,
            Some(name) => Some(name.as_str()?.parse().ok()?),
        };
        let key = PublicKey::from_jwk(jwk).ok()?;
        if algorithm.is_some_and(|algorithm| !key.fits(algorithm)) {
            return None;
        }
        let kid = jwk.get("kid").and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            kid,
            algorithm,
            key,
        })
    }
}

#[cfg(test)]
mod tests;
