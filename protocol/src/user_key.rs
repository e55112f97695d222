//! The user key, which signs the CIC, the certificate and ssh's signature requests.

use ed25519_dalek::Signer as _;
use ssh_key::private::{EcdsaKeypair, EcdsaPrivateKey, Ed25519Keypair, KeypairData};
use zeroize::Zeroizing;

use crate::base64url;
use crate::control::KeyType;
use crate::jwk::{Algorithm, PublicKey};
use crate::secret::{Secret, leaving_no_stack, report_memory};
use crate::wire::{put_mpint, put_string};

/// A private key, wiped on drop, without `Debug`. Boxed, so that it stays at the address that was
/// locked into RAM.
pub struct UserKey(Box<Kind>);

impl Clone for UserKey {
    fn clone(&self) -> Self {
        leaving_no_stack(|| Self::held(Kind::clone(&self.0)))
    }
}

#[derive(Clone)]
enum Kind {
    P256(p256::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

/// Error: the text is not a stored key.
#[derive(Debug, thiserror::Error)]
#[error("the stored user key is not readable")]
pub struct UnreadableKey;

impl UserKey {
    /// Generates a key of this type.
    pub fn generate(kind: KeyType) -> Result<Self, getrandom::Error> {
        leaving_no_stack(|| {
            loop {
                let mut seed = Zeroizing::new([0; 32]);
                getrandom::fill(&mut *seed)?;
                // fails once in 2^32 for P-256: the number must be below the group's order
                if let Ok(key) = Self::from_seed(kind, &seed) {
                    return Ok(key);
                }
            }
        })
    }

    /// Returns the public key.
    pub fn public_key(&self) -> PublicKey {
        match &*self.0 {
            Kind::P256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let (mut x, mut y) = ([0; 32], [0; 32]);
                x.copy_from_slice(&point.as_bytes()[1..33]);
                y.copy_from_slice(&point.as_bytes()[33..65]);
                PublicKey::EcP256 { x, y }
            }
            Kind::Ed25519(key) => PublicKey::Ed25519(key.verifying_key().to_bytes()),
        }
    }

    /// Returns the algorithm of its signatures.
    pub fn algorithm(&self) -> Algorithm {
        match &*self.0 {
            Kind::P256(_) => Algorithm::Es256,
            Kind::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Returns a JWS signature (RFC 7518 section 3.4, RFC 8037 section 3.1): 64 bytes for both
    /// kinds.
    pub fn sign_jws(&self, message: &[u8]) -> Vec<u8> {
        leaving_no_stack(|| match &*self.0 {
            Kind::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Kind::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
        })
    }

    /// Returns an SSH signature blob (RFC 5656 section 3.1.2, RFC 8709 section 6).
    pub fn sign_ssh(&self, message: &[u8]) -> Vec<u8> {
        let raw = self.sign_jws(message);
        let mut blob = Vec::with_capacity(104);
        match &*self.0 {
            Kind::P256(_) => {
                let mut numbers = Vec::with_capacity(74);
                put_mpint(&mut numbers, &raw[..32]);
                put_mpint(&mut numbers, &raw[32..]);
                put_string(&mut blob, b"ecdsa-sha2-nistp256");
                put_string(&mut blob, &numbers);
            }
            Kind::Ed25519(_) => {
                put_string(&mut blob, b"ssh-ed25519");
                put_string(&mut blob, &raw);
            }
        }
        blob
    }

    /// Returns the text for the store: the kind and the 32 secret bytes.
    pub fn to_secret(&self) -> Secret {
        leaving_no_stack(|| {
            let (kind, bytes) = match &*self.0 {
                Kind::P256(key) => ("p256", Zeroizing::new(<[u8; 32]>::from(key.to_bytes()))),
                Kind::Ed25519(key) => ("ed25519", Zeroizing::new(key.to_bytes())),
            };
            let text = Zeroizing::new(base64url::encode(*bytes));
            Secret::new(format!("{kind}:{}", text.as_str()))
        })
    }

    /// Reads the text of [`to_secret`](Self::to_secret).
    pub fn from_secret(secret: &Secret) -> Result<Self, UnreadableKey> {
        let (kind, text) = secret.expose().split_once(':').ok_or(UnreadableKey)?;
        let kind = match kind {
            "p256" => KeyType::Ecdsa,
            "ed25519" => KeyType::Ed25519,
            _ => return Err(UnreadableKey),
        };
        leaving_no_stack(|| {
            let bytes = Zeroizing::new(base64url::decode(text).map_err(|_| UnreadableKey)?);
            let seed = Zeroizing::new(<[u8; 32]>::try_from(&bytes[..]).map_err(|_| UnreadableKey)?);
            Self::from_seed(kind, &seed)
        })
    }

    /// Returns OpenSSH's unencrypted private key file, as written by Go opkssh.
    pub fn to_openssh_pem(&self, comment: &str) -> Result<Secret, ssh_key::Error> {
        let pem = self
            .to_ssh_key(comment)?
            .to_openssh(ssh_key::LineEnding::LF)?;
        Ok(Secret::new(pem.to_string()))
    }

    pub(crate) fn to_ssh_key(&self, comment: &str) -> Result<ssh_key::PrivateKey, ssh_key::Error> {
        let data = match &*self.0 {
            Kind::P256(key) => KeypairData::Ecdsa(EcdsaKeypair::NistP256 {
                public: key.verifying_key().to_sec1_point(false),
                private: EcdsaPrivateKey::from(p256::SecretKey::from(key)),
            }),
            Kind::Ed25519(key) => KeypairData::Ed25519(Ed25519Keypair::from_seed(&key.to_bytes())),
        };
        ssh_key::PrivateKey::new(data, comment)
    }

    fn from_seed(kind: KeyType, seed: &[u8; 32]) -> Result<Self, UnreadableKey> {
        Ok(Self::held(match kind {
            KeyType::Ecdsa => {
                Kind::P256(p256::ecdsa::SigningKey::from_slice(seed).map_err(|_| UnreadableKey)?)
            }
            KeyType::Ed25519 => Kind::Ed25519(ed25519_dalek::SigningKey::from_bytes(seed)),
        }))
    }

    fn held(kind: Kind) -> Self {
        let kind = Box::new(kind);
        report_memory(&*kind);
        Self(kind)
    }
}
