//! The key that a made-up provider signs with, of each kind that providers use.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

/// A signing key; an RSA one is always the same, the others are new.
pub enum ProviderKey {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
    Ps256(RsaKeyPair),
}

impl ProviderKey {
    /// The `kid` of [`published`](Self::published).
    pub const ID: &str = "k1";

    pub fn es256() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self::Es256(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap())
    }

    pub fn eddsa() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::EdDsa(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
    }

    pub fn rs256() -> Self {
        Self::Rs256(rsa_key())
    }

    pub fn ps256() -> Self {
        Self::Ps256(rsa_key())
    }

    /// The name in a token's `alg` (RFC 7518 section 3.1, RFC 8037 section 3.1).
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
            Self::Rs256(_) => "RS256",
            Self::Ps256(_) => "PS256",
        }
    }

    /// Signs a JWS of this header and payload, each as text: its first and last part, base64url.
    pub fn sign(&self, header: &str, payload: &str) -> (String, String) {
        let header = URL_SAFE_NO_PAD.encode(header);
        let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
        let (random, input) = (SystemRandom::new(), input.as_bytes());
        let of_rsa = |key: &RsaKeyPair, padding| {
            let mut signature = vec![0; key.public().modulus_len()];
            key.sign(padding, &random, input, &mut signature).unwrap();
            signature
        };
        let signature = match self {
            Self::Es256(key) => key.sign(&random, input).unwrap().as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(input).as_ref().to_vec(),
            Self::Rs256(key) => of_rsa(key, &RSA_PKCS1_SHA256),
            Self::Ps256(key) => of_rsa(key, &RSA_PSS_SHA256),
        };
        (header, URL_SAFE_NO_PAD.encode(signature))
    }

    /// Signs a compact JWT (RFC 7519).
    pub fn jwt(&self, header: &Value, claims: &Value) -> String {
        let payload = claims.to_string();
        let (header, signature) = self.sign(&header.to_string(), &payload);
        format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(payload))
    }

    /// The bare public members (RFC 7517).
    pub fn jwk(&self) -> Value {
        match self {
            Self::Es256(key) => {
                // SEC 1, 2.3.3: 0x04, then both coordinates
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": encoded(x), "y": encoded(y)})
            }
            Self::EdDsa(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(key.public_key().as_ref())})
            }
            Self::Rs256(key) | Self::Ps256(key) => {
                let public: PublicKeyComponents<Vec<u8>> = key.public().into();
                json!({"kty": "RSA", "n": encoded(&public.n), "e": encoded(&public.e)})
            }
        }
    }

    /// As a provider's key set has it.
    pub fn published(&self) -> Value {
        let mut jwk = self.jwk();
        jwk["kid"] = Self::ID.into();
        jwk["alg"] = self.algorithm().into();
        jwk["use"] = "sig".into();
        jwk
    }
}

fn rsa_key() -> RsaKeyPair {
    let pem = include_str!("../../fixtures/rsa2048_test_key.pem");
    let base64: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
    RsaKeyPair::from_pkcs8(&STANDARD.decode(base64).unwrap()).unwrap()
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
