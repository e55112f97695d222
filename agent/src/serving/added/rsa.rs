//! RSA signatures (RFC 8332): by ring as far as it goes, 2048 to 4096 bits, else by the crate `rsa`.
//! That one takes a time that depends on the key (RUSTSEC-2023-0071); what it computes is blinded
//! with a random number, and only keys that ring refuses get there.

use ring::digest::{SHA256, SHA512, digest};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, KeyPairComponents, PublicKeyComponents};
use ring::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA512};
use rsa::rand_core::OsRng;
use rsa::traits::PrivateKeyParts as _;
use rsa::{BigUint, Pkcs1v15Sign, RsaPrivateKey, sha2};
use zeroize::Zeroizing;

/// As OpenSSH.
const BITS: std::ops::RangeInclusive<usize> = 1024..=16384;

/// The numbers of a key, big-endian.
pub struct Parts<'a> {
    pub n: &'a [u8],
    pub e: &'a [u8],
    pub d: &'a [u8],
    pub p: &'a [u8],
    pub q: &'a [u8],
    /// The inverse of `q` modulo `p`.
    pub q_inverse: &'a [u8],
}

#[derive(Clone, Copy)]
pub enum Hash {
    Sha256,
    Sha512,
}

/// Why numbers make no key.
#[derive(Debug, PartialEq, Eq)]
pub enum RsaError {
    Size,
    /// They do not fit each other.
    Mismatch,
}

pub enum RsaKey {
    Ring(KeyPair),
    Other(RsaPrivateKey),
}

impl RsaKey {
    /// Makes a key whose numbers fit each other.
    pub fn new(parts: &Parts<'_>) -> Result<Self, RsaError> {
        let number = BigUint::from_bytes_be;
        let n = number(parts.n);
        if !BITS.contains(&n.bits()) {
            return Err(RsaError::Size);
        }
        let (p, q) = (number(parts.p), number(parts.q));
        // the crate `rsa` never ends with a tiny one
        let half = n.bits() / 2;
        if p.bits().abs_diff(half) > 1 || q.bits().abs_diff(half) > 1 {
            return Err(RsaError::Mismatch);
        }
        let primes = vec![p, q];
        let key = RsaPrivateKey::from_components(n, number(parts.e), number(parts.d), primes);
        let key = key.map_err(|_| RsaError::Mismatch)?;
        let exponent = |number: Option<&BigUint>| {
            let bytes = number.map(BigUint::to_bytes_be);
            Zeroizing::new(bytes.unwrap_or_default())
        };
        let by_ring = KeyPair::from_components(&KeyPairComponents {
            public_key: PublicKeyComponents {
                n: parts.n,
                e: parts.e,
            },
            d: parts.d,
            p: parts.p,
            q: parts.q,
            dP: &exponent(key.dp()),
            dQ: &exponent(key.dq()),
            qInv: parts.q_inverse,
        });
        Ok(by_ring.map_or(Self::Other(key), Self::Ring))
    }

    /// Returns true if a signature takes longer than others should wait for.
    pub fn is_slow(&self) -> bool {
        matches!(self, Self::Other(_))
    }

    pub fn sign(&self, hash: Hash, data: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Ring(key) => {
                let padding = match hash {
                    Hash::Sha256 => &RSA_PKCS1_SHA256,
                    Hash::Sha512 => &RSA_PKCS1_SHA512,
                };
                let mut signature = vec![0; key.public().modulus_len()];
                let random = SystemRandom::new();
                key.sign(padding, &random, data, &mut signature).ok()?;
                Some(signature)
            }
            Self::Other(key) => {
                let (padding, hash) = match hash {
                    Hash::Sha256 => (Pkcs1v15Sign::new::<sha2::Sha256>(), &SHA256),
                    Hash::Sha512 => (Pkcs1v15Sign::new::<sha2::Sha512>(), &SHA512),
                };
                let digest = digest(hash, data);
                let signature = key.sign_with_rng(&mut OsRng, padding, digest.as_ref());
                signature.ok()
            }
        }
    }
}
