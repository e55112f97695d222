//! Parses certificates without verifying them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ssh_key::HashAlg;
use ssh_key::certificate::Certificate;
use ssh_key::public::{EcdsaPublicKey, KeyData};

use super::{ACCESS_TOKEN_EXTENSION, CERTIFICATE_TYPES, CertificateError, PK_TOKEN_EXTENSION};
use crate::jwk::PublicKey;
use crate::secret::Secret;
use crate::wire::Reader;

/// Largest accepted certificate, in bytes: its base64 must fit into one argument of sshd's command
/// (128 KiB on Linux).
const MAX_BYTES: usize = 96 * 1024;

/// A well-formed certificate with a PK token. Nothing in it has been verified.
#[derive(Clone)]
pub struct UnverifiedCertificate {
    pub(super) certificate: Certificate,
    pub(super) public_key: PublicKey,
    pub(super) blob: Vec<u8>,
    pub(super) pk_token: String,
    pub(super) access_token: Option<Secret>,
}

impl UnverifiedCertificate {
    /// Reads a certificate blob (PROTOCOL.certkeys).
    pub fn parse(blob: &[u8]) -> Result<Self, CertificateError> {
        if blob.len() > MAX_BYTES {
            return Err(CertificateError::Size(blob.len()));
        }
        let kind = wire_type(blob)?;
        if !CERTIFICATE_TYPES.contains(&kind) {
            return Err(CertificateError::NotACertificate(kind.to_owned()));
        }
        let certificate = Certificate::from_bytes(blob)
            .map_err(|error| CertificateError::Malformed(error.to_string()))?;
        let extension = |name: &str| certificate.extensions().get(name).cloned();
        let pk_token = extension(PK_TOKEN_EXTENSION).ok_or(CertificateError::NoPkToken)?;
        let access_token = extension(ACCESS_TOKEN_EXTENSION).map(Secret::new);
        Ok(Self {
            public_key: public_key(certificate.public_key())?,
            blob: blob.to_vec(),
            pk_token,
            access_token: access_token.filter(|token| !token.is_empty()),
            certificate,
        })
    }

    /// Reads `type base64 [comment]`, the form of authorized_keys and `-cert.pub` files.
    pub fn parse_openssh(line: &str) -> Result<Self, CertificateError> {
        let mut words = line.split_ascii_whitespace();
        let kind = words.next().unwrap_or_default();
        let base64 = words.next().unwrap_or_default();
        let blob = STANDARD
            .decode(base64)
            .map_err(|_| CertificateError::Malformed("not base64".to_owned()))?;
        if wire_type(&blob)? != kind {
            return Err(CertificateError::Malformed("key type mismatch".to_owned()));
        }
        Self::parse(&blob)
    }

    /// Returns the compact PK token.
    pub fn unverified_pk_token(&self) -> &str {
        &self.pk_token
    }

    /// Returns the certified key.
    pub fn unverified_public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Returns `SHA256:…` of the certified key, as shown by `ssh-add -l`.
    pub fn unverified_fingerprint(&self) -> String {
        let key = self.certificate.public_key();
        key.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Returns all fields, for display.
    pub fn unverified_fields(&self) -> &Certificate {
        &self.certificate
    }

    /// Returns the certificate as it was sent.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// Returns `type base64`, without a comment.
    pub fn openssh(&self) -> String {
        format!("{} {}", self.wire_type(), STANDARD.encode(&self.blob))
    }

    /// Returns the wire name of the certificate's type.
    pub fn wire_type(&self) -> &'static str {
        match self.public_key {
            PublicKey::Ed25519(_) => CERTIFICATE_TYPES[1],
            _ => CERTIFICATE_TYPES[0],
        }
    }
}

/// Returns the type name at the start of a key blob (RFC 4253 section 6.6). Does not read further.
fn wire_type(blob: &[u8]) -> Result<&str, CertificateError> {
    let name = Reader::new(blob).string()?;
    std::str::from_utf8(name)
        .map_err(|_| CertificateError::Malformed("type name is not UTF-8".to_owned()))
}

/// Converts a key of a type that this crate knows.
pub fn public_key(key: &KeyData) -> Result<PublicKey, CertificateError> {
    match key {
        KeyData::Ecdsa(EcdsaPublicKey::NistP256(point)) => {
            let coordinate = |bytes: Option<&[u8]>| {
                bytes
                    .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
                    .ok_or_else(|| CertificateError::Malformed("not a P-256 point".to_owned()))
            };
            let point = point.as_bytes();
            Ok(PublicKey::EcP256 {
                x: coordinate(point.get(1..33))?,
                y: coordinate(point.get(33..65))?,
            })
        }
        KeyData::Ed25519(key) => Ok(PublicKey::Ed25519(key.0)),
        other => Err(CertificateError::KeyType(other.algorithm().to_string())),
    }
}
