//! Public keys: reading and writing JWKs (RFC 7517, RFC 7518 section 6, RFC 8037) and checking JWS
//! signatures with them.

use std::fmt;
use std::str::FromStr;

use ring::signature;
use serde_json::Value;
use sha3::Digest as _;

use crate::base64url;
use crate::json::Object;
use crate::printable::{printable, quoted};

/// The supported signature algorithms (RFC 7518 section 3.1, RFC 8037 section 3.1). `none` and HMAC
/// are not representable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl FromStr for Algorithm {
    type Err = KeyError;

    fn from_str(name: &str) -> Result<Self, KeyError> {
        match name {
            "RS256" => Ok(Self::Rs256),
            "PS256" => Ok(Self::Ps256),
            "ES256" => Ok(Self::Es256),
            "EdDSA" => Ok(Self::EdDsa),
            _ => Err(KeyError::Algorithm(name.to_owned())),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        })
    }
}

/// Reason for refusing a key or a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum KeyError {
    #[error("unsupported signature algorithm {}", printable(.0).at_most(32))]
    Algorithm(String),
    #[error("algorithm {0} does not fit the key")]
    Mismatch(Algorithm),
    #[error("JWK member {0:?} is missing or malformed")]
    Member(&'static str),
    #[error("unsupported key type {}", quoted(.0))]
    KeyType(String),
    #[error("the signature does not verify")]
    Signature,
}

/// A public key of a kind used by OpenPubkey. Equal keys compare equal, however their JWK was
/// written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants describe their fields")]
pub enum PublicKey {
    /// P-256: x and y, 32 bytes each, big-endian.
    EcP256 { x: [u8; 32], y: [u8; 32] },
    /// Ed25519: the 32 bytes of RFC 8032.
    Ed25519([u8; 32]),
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl PublicKey {
    /// Reads the public half of a JWK. The caller handles `alg`, `use` and `kid`.
    pub fn from_jwk(jwk: &Object) -> Result<Self, KeyError> {
        let text = |name: &'static str| {
            jwk.get(name)
                .and_then(Value::as_str)
                .ok_or(KeyError::Member(name))
        };
        let bytes = |name: &'static str| {
            // some writers pad; harmless, because the original text is hashed
            base64url::decode(text(name)?.trim_end_matches('=')).map_err(|_| KeyError::Member(name))
        };
        let fixed = |name: &'static str| {
            <[u8; 32]>::try_from(bytes(name)?).map_err(|_| KeyError::Member(name))
        };
        match text("kty")? {
            "EC" => match text("crv")? {
                "P-256" => Ok(Self::EcP256 {
                    x: fixed("x")?,
                    y: fixed("y")?,
                }),
                _ => Err(KeyError::Member("crv")),
            },
            "OKP" => match text("crv")? {
                "Ed25519" => Ok(Self::Ed25519(fixed("x")?)),
                _ => Err(KeyError::Member("crv")),
            },
            "RSA" => Ok(Self::Rsa {
                n: without_leading_zeros(bytes("n")?),
                e: without_leading_zeros(bytes("e")?),
            }),
            other => Err(KeyError::KeyType(other.to_owned())),
        }
    }

    /// Returns the JWK with `alg`, as in a CIC header.
    pub fn to_jwk(&self, algorithm: Algorithm) -> Object {
        let mut members = match self {
            Self::EcP256 { x, y } => vec![
                ("crv", "P-256".to_owned()),
                ("kty", "EC".to_owned()),
                ("x", base64url::encode(x)),
                ("y", base64url::encode(y)),
            ],
            Self::Ed25519(key) => vec![
                ("crv", "Ed25519".to_owned()),
                ("kty", "OKP".to_owned()),
                ("x", base64url::encode(key)),
            ],
            Self::Rsa { n, e } => vec![
                ("e", base64url::encode(e)),
                ("kty", "RSA".to_owned()),
                ("n", base64url::encode(n)),
            ],
        };
        members.push(("alg", algorithm.to_string()));
        let members = members.into_iter();
        members
            .map(|(name, text)| (name.to_owned(), text.into()))
            .collect()
    }

    /// Returns true if signatures by `algorithm` can be verified with this key.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        matches!(
            (self, algorithm),
            (Self::EcP256 { .. }, Algorithm::Es256)
                | (Self::Ed25519(_), Algorithm::EdDsa)
                | (Self::Rsa { .. }, Algorithm::Rs256 | Algorithm::Ps256)
        )
    }

    /// Checks a JWS signature over `message` (RFC 7515 section 5.2). RSA keys must have 2048 to
    /// 8192 bits.
    pub fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), KeyError> {
        let checked = match (self, algorithm) {
            (Self::EcP256 { x, y }, Algorithm::Es256) => {
                let mut point = [4u8; 65];
                point[1..33].copy_from_slice(x);
                point[33..].copy_from_slice(y);
                signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, signature)
            }
            (Self::Ed25519(key), Algorithm::EdDsa) => {
                signature::UnparsedPublicKey::new(&signature::ED25519, key)
                    .verify(message, signature)
            }
            (Self::Rsa { n, e }, Algorithm::Rs256) => signature::RsaPublicKeyComponents { n, e }
                .verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature),
            (Self::Rsa { n, e }, Algorithm::Ps256) => signature::RsaPublicKeyComponents { n, e }
                .verify(&signature::RSA_PSS_2048_8192_SHA256, message, signature),
            (_, other) => return Err(KeyError::Mismatch(other)),
        };
        checked.map_err(|_| KeyError::Signature)
    }
}

/// Returns SHA3-256 (FIPS 202) in base64url, OpenPubkey's hash for commitments and PK tokens.
pub(crate) fn sha3_base64url(bytes: &[u8]) -> String {
    base64url::encode(sha3::Sha3_256::digest(bytes))
}

fn without_leading_zeros(bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    bytes[zeros..].to_vec()
}
