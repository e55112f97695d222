//! Host keys: a key, or a certificate for one (PROTOCOL.certkeys).

use std::sync::Arc;

use opkssh_protocol::wire::Malformed;

use super::certificate::{self, Certificate};
use super::signature::{Unverifiable, has_signed, parse_key};

/// A server's host key. A certificate in it is one that its authority signed.
pub struct HostKey {
    /// What the server showed.
    pub blob: Vec<u8>,
    /// The key itself: of a certificate, the certified one.
    pub key: Vec<u8>,
    certificate: Option<Certificate>,
}

/// A host key or certificate whose signature was not checked.
pub struct UnprovedHostKey(Arc<HostKey>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostKeyError {
    #[error("the host key is malformed")]
    Malformed(#[from] Malformed),
    #[error("the host key cannot be checked: {0}")]
    Unverifiable(#[from] Unverifiable),
    #[error("the host key is a certificate, but not for a host")]
    NotAHost,
    #[error("the host certificate's signature does not verify")]
    Signature,
}

impl UnprovedHostKey {
    /// Reads what a server showed. What cannot be read as a certificate counts as a key.
    pub fn parse(blob: &[u8]) -> Self {
        let (key, certificate) = match certificate::read(blob) {
            Ok(Ok(read)) => (read.key, Some(read.certificate)),
            _ => (blob.to_vec(), None),
        };
        Self(Arc::new(HostKey {
            blob: blob.to_vec(),
            key,
            certificate,
        }))
    }

    /// Returns the key that the server claims to have.
    pub fn claimed(&self) -> &Arc<HostKey> {
        &self.0
    }
}

impl HostKey {
    /// Reads what a server showed: a public key or a certificate.
    pub fn parse(blob: &[u8]) -> Result<Self, HostKeyError> {
        if !certificate::is_certificate(blob)? {
            parse_key(blob)??;
            return Ok(Self {
                blob: blob.to_vec(),
                key: blob.to_vec(),
                certificate: None,
            });
        }
        let read = certificate::read(blob)??;
        if !read.certificate.is_for_hosts {
            return Err(HostKeyError::NotAHost);
        }
        if !read.is_signed()? {
            return Err(HostKeyError::Signature);
        }
        parse_key(&read.key)??;
        Ok(Self {
            blob: blob.to_vec(),
            key: read.key,
            certificate: Some(read.certificate),
        })
    }

    /// Returns a key that no file has, and no server.
    pub fn unknown() -> Self {
        Self {
            blob: Vec::new(),
            key: Vec::new(),
            certificate: None,
        }
    }

    /// Returns an unknown key, with the certificate that this authority would give the host.
    pub fn certified_by(authority: Vec<u8>, host: &str) -> Self {
        Self {
            certificate: Some(Certificate::predicted(authority, host)),
            ..Self::unknown()
        }
    }

    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Returns true if `signature` (RFC 4253 section 6.6) is one of this key over `data`.
    pub fn has_signed(&self, data: &[u8], signature: &[u8]) -> Result<bool, Unverifiable> {
        has_signed(&self.key, data, signature)
    }
}

#[cfg(test)]
mod tests;
