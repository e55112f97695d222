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
mod tests {
    use super::*;

    const X: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn ed(extra: &str) -> String {
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}"{extra}}}"#)
    }

    fn set(keys: &[String]) -> KeySet {
        KeySet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes()).unwrap()
    }

    fn count(set: &KeySet, kid: Option<&str>) -> usize {
        set.candidates(kid, Algorithm::EdDsa).count()
    }

    #[test]
    fn an_unreadable_key_does_not_sink_the_set() {
        for odd in [
            r#"{"kty":"AKP","kid":"a","alg":"ML-DSA-44"}"#,
            r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA","kid":"a"}"#,
            r#"{"kty":"RSA","n":"!","e":"AQAB","kid":"a"}"#,
            r#"{"kid":"a"}"#,
            r#"{"kty":5}"#,
        ] {
            let set = set(&[odd.to_owned(), ed(r#","kid":"b""#)]);
            assert_eq!(count(&set, Some("b")), 1, "{odd}");
            assert_eq!(count(&set, Some("a")), 0, "{odd}");
        }
    }

    #[test]
    fn without_kid_only_a_set_of_one_answers() {
        assert_eq!(count(&set(&[ed(r#","kid":"a""#)]), None), 1);
        assert_eq!(count(&set(&[ed(""), ed("")]), None), 0);
        // unsupported keys count, because one of them may be the signing key
        assert_eq!(count(&set(&[ed(""), r#"{"kty":"x"}"#.to_owned()]), None), 0);
    }

    #[test]
    fn a_token_with_kid_never_takes_a_key_without() {
        assert_eq!(count(&set(&[ed("")]), Some("a")), 0);
    }

    #[test]
    fn keys_of_one_name_are_all_tried() {
        assert_eq!(
            count(&set(&[ed(r#","kid":"a""#), ed(r#","kid":"a""#)]), Some("a")),
            2
        );
    }

    #[test]
    fn encryption_keys_and_other_algorithms_are_left_out() {
        assert_eq!(
            count(&set(&[ed(r#","kid":"a","use":"enc""#)]), Some("a")),
            0
        );
        assert_eq!(
            count(
                &set(&[ed(r#","kid":"a","use":null,"alg":null"#)]),
                Some("a")
            ),
            1
        );
        assert_eq!(
            count(&set(&[ed(r#","kid":"a","use":"sig""#)]), Some("a")),
            1
        );
        assert_eq!(
            count(&set(&[ed(r#","kid":"a","alg":"ES256""#)]), Some("a")),
            0
        );
        assert_eq!(
            count(&set(&[ed(r#","kid":"a","alg":"EdDSA""#)]), Some("a")),
            1
        );
    }

    #[test]
    fn the_algorithm_of_key_and_token_must_agree() {
        let rsa = r#"{"kty":"RSA","kid":"a","alg":"PS256","n":"AQAB","e":"AQAB"}"#;
        let set = set(&[rsa.to_owned()]);
        assert_eq!(set.candidates(Some("a"), Algorithm::Ps256).count(), 1);
        assert_eq!(set.candidates(Some("a"), Algorithm::Rs256).count(), 0);
    }

    #[test]
    fn a_bare_jwk_is_a_set_of_one() {
        assert_eq!(count(&KeySet::parse(ed("").as_bytes()).unwrap(), None), 1);
    }
}
