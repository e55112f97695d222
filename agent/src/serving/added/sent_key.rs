//! Private keys in a request, as yet unread (RFC 9987 sections 3.2.1 to 3.2.5).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opkssh_protocol::secret::Secret;
use opkssh_protocol::wire::{Malformed, Reader};
use zeroize::Zeroizing;

use super::error::KeyChangeError;
use crate::serving::certificate;

/// Types of keys that can be added.
#[derive(Clone, Copy)]
pub enum KeyKind {
    Ed25519,
    Rsa,
    P256,
    P384,
    P521,
}

/// A private key as it was sent, its type included, in base64. Not looked at further.
pub struct SentKey(pub Secret);

impl KeyKind {
    /// Reads a type from the front of a request, and whether it is that of a certificate.
    pub fn read(reader: &mut Reader<'_>) -> Result<(Self, bool), KeyChangeError> {
        let name = String::from_utf8_lossy(reader.string()?).into_owned();
        let (plain, is_certificate) = certificate::certified_type(&name);
        let all = [Self::Ed25519, Self::Rsa, Self::P256, Self::P384, Self::P521];
        match all.into_iter().find(|kind| kind.name() == plain) {
            Some(kind) => Ok((kind, is_certificate)),
            None if plain.starts_with("sk-") => Err(KeyChangeError::SecurityKey),
            None => Err(KeyChangeError::KeyType(name)),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::Rsa => "ssh-rsa",
            Self::P256 => "ecdsa-sha2-nistp256",
            Self::P384 => "ecdsa-sha2-nistp384",
            Self::P521 => "ecdsa-sha2-nistp521",
        }
    }
}

impl SentKey {
    /// Reads a key from the front of a request.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, KeyChangeError> {
        let whole = reader.rest();
        let (kind, is_certificate) = KeyKind::read(reader)?;
        // a certificate takes the place of the public fields; Ed25519's public key comes anyway
        let fields = match (kind, is_certificate) {
            (KeyKind::Ed25519, false) => 2,
            (KeyKind::Ed25519, true) => 3,
            (KeyKind::Rsa, false) => 6,
            (KeyKind::Rsa, true) => 5,
            (KeyKind::P256 | KeyKind::P384 | KeyKind::P521, false) => 3,
            (KeyKind::P256 | KeyKind::P384 | KeyKind::P521, true) => 2,
        };
        for _ in 0..fields {
            reader.string()?;
        }
        let sent = &whole[..whole.len() - reader.rest().len()];
        Ok(Self(Secret::new(STANDARD.encode(sent))))
    }

    /// Returns its fields as they were sent.
    pub fn bytes(&self) -> Result<Zeroizing<Vec<u8>>, Malformed> {
        let bytes = STANDARD.decode(self.0.expose());
        bytes.map(Zeroizing::new).map_err(|_| Malformed)
    }
}
