//! Client Instance Claims (CIC): the protected header in which a user key commits to itself. The
//! provider signs its hash as the nonce.

use serde_json::Value;

use crate::json::{self, JsonError, Object};
use crate::jwk::{Algorithm, KeyError, PublicKey, sha3_base64url};

/// Reason for refusing client instance claims.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum CicError {
    #[error("client instance claims: {0}")]
    Json(#[from] JsonError),
    #[error("client instance claims: missing required {0:?} claim")]
    Missing(&'static str),
    #[error("client instance claims: {0:?} has the wrong type")]
    Type(&'static str),
    #[error("client instance claims: \"alg\" differs from the algorithm of \"upk\"")]
    AlgorithmDiffers,
    #[error("client instance claims: critical header parameters are not supported")]
    Critical,
    #[error("client instance claims: {0}")]
    Key(#[from] KeyError),
}

/// Hash of client instance claims as in the ID token's `nonce` (or `aud`): SHA3-256 of the
/// canonical JSON in base64url, 43 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment(String);

impl Commitment {
    /// Returns the 43 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Parsed client instance claims. Well-formed, but not verified.
#[derive(Debug, Clone)]
pub struct ClientInstanceClaims {
    canonical: String,
    algorithm: Algorithm,
    user_key: PublicKey,
}

impl ClientInstanceClaims {
    /// Creates claims for `user_key`. `randomness` is 32 fresh random bytes.
    pub fn new(
        user_key: &PublicKey,
        algorithm: Algorithm,
        randomness: [u8; 32],
    ) -> Result<Self, CicError> {
        let mut header = Object::new();
        let rz: String = randomness.map(|byte| format!("{byte:02x}")).concat();
        header.insert("alg".to_owned(), algorithm.to_string().into());
        header.insert("rz".to_owned(), rz.into());
        header.insert("typ".to_owned(), "CIC".into());
        header.insert("upk".to_owned(), user_key.to_jwk(algorithm).into());
        Self::from_object(&header)
    }

    /// Reads a protected header. The commitment is the hash of its canonical form, not of these
    /// bytes.
    pub fn parse(header: &[u8]) -> Result<Self, CicError> {
        Self::from_object(&json::parse_object_like_go(header)?)
    }

    /// Returns the canonical form of the header, which is hashed.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Returns the hash that the provider signs.
    pub fn commitment(&self) -> Commitment {
        Commitment(sha3_base64url(self.canonical.as_bytes()))
    }

    /// Returns `alg`, the algorithm of the client signature.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns `upk`, the user's public key.
    pub fn user_key(&self) -> &PublicKey {
        &self.user_key
    }

    fn from_object(header: &Object) -> Result<Self, CicError> {
        for text in ["kid", "cty", "jku", "x5u", "x5t", "x5t#S256", "typ"] {
            if header.get(text).is_some_and(|value| !value.is_string()) {
                return Err(CicError::Type(text));
            }
        }
        // RFC 7515 section 4.1.11: no extension is supported, so any critical one is refused
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(CicError::Critical);
        }
        if header.values().any(Value::is_null) {
            return Err(CicError::Type("null"));
        }
        let algorithm = header.get("alg").ok_or(CicError::Missing("alg"))?;
        let algorithm = algorithm.as_str().ok_or(CicError::Type("alg"))?;
        header.get("rz").ok_or(CicError::Missing("rz"))?;
        let upk = header.get("upk").ok_or(CicError::Missing("upk"))?;
        let upk = upk.as_object().ok_or(CicError::Type("upk"))?;
        let upk_algorithm = upk.get("alg").and_then(Value::as_str);
        if upk_algorithm.ok_or(CicError::Type("alg"))? != algorithm {
            return Err(CicError::AlgorithmDiffers);
        }
        let algorithm: Algorithm = algorithm.parse()?;
        let user_key = PublicKey::from_jwk(upk)?;
        if algorithm == Algorithm::Ps256 {
            return Err(KeyError::Algorithm(algorithm.to_string()).into());
        }
        if !user_key.fits(algorithm) {
            return Err(KeyError::Mismatch(algorithm).into());
        }
        Ok(Self {
            canonical: json::canonical(header)?,
            algorithm,
            user_key,
        })
    }
}

#[cfg(test)]
mod tests;
