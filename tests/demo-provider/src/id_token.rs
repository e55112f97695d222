//! ID tokens: ES256 (RFC 7518, section 3.4) with a key that lives as long as the process.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::discovery::CLIENT_ID;

pub struct Signer {
    key: EcdsaKeyPair,
    kid: String,
    x: String,
    y: String,
    rng: SystemRandom,
}

/// Who an ID token speaks about.
pub struct Subject<'a> {
    pub name: &'a str,
    pub nonce: Option<&'a str>,
}

impl Signer {
    pub fn generate() -> anyhow::Result<Self> {
        let rng = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &rng)
            .ok()
            .context("cannot make a signing key")?;
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &rng)
            .ok()
            .context("cannot load the signing key just made")?;
        // SEC 1, section 2.3.3: 0x04, then both coordinates
        let (x, y) = match key.public_key().as_ref() {
            [4, point @ ..] if point.len() == 64 => (
                BASE64URL.encode(&point[..32]),
                BASE64URL.encode(&point[32..]),
            ),
            _ => anyhow::bail!("the signing key has no uncompressed P-256 point"),
        };
        // RFC 7638: a name of its own for every key, so that no cache mixes two runs up
        let thumbprint = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = BASE64URL.encode(digest::digest(&digest::SHA256, thumbprint.as_bytes()));
        Ok(Self {
            key,
            kid,
            x,
            y,
            rng,
        })
    }

    /// The key set of RFC 7517, section 5.
    pub fn key_set(&self) -> Value {
        json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig",
            "kid": self.kid, "x": self.x, "y": self.y,
        }]})
    }

    /// A signed ID token in compact form (RFC 7515, section 3.1).
    pub fn id_token(
        &self,
        issuer: &str,
        subject: &Subject<'_>,
        now: SystemTime,
        lifetime: Duration,
    ) -> anyhow::Result<String> {
        let iat = now
            .duration_since(UNIX_EPOCH)
            .context("the clock is before 1970")?
            .as_secs();
        let mut claims = json!({
            "iss": issuer,
            "sub": subject.name,
            "aud": CLIENT_ID,
            "iat": iat,
            "exp": iat + lifetime.as_secs(),
            "email": format!("{}@demo.example", subject.name),
            "email_verified": true,
            "name": format!("{} (demonstration)", subject.name),
        });
        if let Some(nonce) = subject.nonce {
            claims["nonce"] = nonce.into();
        }
        let header = json!({ "alg": "ES256", "kid": self.kid, "typ": "JWT" });
        let signed = format!(
            "{}.{}",
            BASE64URL.encode(header.to_string()),
            BASE64URL.encode(claims.to_string())
        );
        let signature = self
            .key
            .sign(&self.rng, signed.as_bytes())
            .ok()
            .context("cannot sign the ID token")?;
        Ok(format!("{signed}.{}", BASE64URL.encode(signature)))
    }
}
