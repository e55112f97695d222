//! Host keys: a key, or a certificate for one (PROTOCOL.certkeys).

use std::ops::Range;

use opkssh_protocol::time::UnixTime;
use opkssh_protocol::wire::{Malformed, Reader, put_string};

use super::signature::{KEY_TYPES, Unverifiable, has_signed, parse_key};

const CERTIFICATE_SUFFIX: &[u8] = b"-cert-v01@openssh.com";
const TYPE_HOST: u32 = 2;

/// A server's host key. A certificate in it is one that its authority signed.
pub struct HostKey {
    /// What the server showed.
    pub blob: Vec<u8>,
    /// The key itself: of a certificate, the certified one.
    pub key: Vec<u8>,
    certificate: Option<HostCertificate>,
}

/// A host key or certificate whose signature was not checked.
pub struct UnprovedHostKey(HostKey);

/// A host certificate with a good signature; whether its authority is trusted is known_hosts'
/// to say.
pub struct HostCertificate {
    /// The certifying key.
    pub authority: Vec<u8>,
    is_for_hosts: bool,
    principals: Vec<String>,
    valid: Range<u64>,
    has_critical_options: bool,
}

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
        let (key, certificate) = match read_certificate(blob) {
            Ok((key, certificate, ..)) => (key, Some(certificate)),
            Err(_) => (blob.to_vec(), None),
        };
        Self(HostKey {
            blob: blob.to_vec(),
            key,
            certificate,
        })
    }

    /// Returns the key that the server claims to have.
    pub fn claimed(&self) -> &HostKey {
        &self.0
    }
}

impl HostKey {
    /// Reads what a server showed: a public key or a certificate.
    pub fn parse(blob: &[u8]) -> Result<Self, HostKeyError> {
        if !Reader::new(blob).string()?.ends_with(CERTIFICATE_SUFFIX) {
            parse_key(blob)??;
            return Ok(Self {
                blob: blob.to_vec(),
                key: blob.to_vec(),
                certificate: None,
            });
        }
        let (key, certificate, signed) = read_certificate(blob)?;
        if !certificate.is_for_hosts {
            return Err(HostKeyError::NotAHost);
        }
        if !has_signed(&certificate.authority, signed.data, signed.signature)? {
            return Err(HostKeyError::Signature);
        }
        parse_key(&key)??;
        Ok(Self {
            blob: blob.to_vec(),
            key,
            certificate: Some(certificate),
        })
    }

    pub fn certificate(&self) -> Option<&HostCertificate> {
        self.certificate.as_ref()
    }

    /// Returns true if `signature` (RFC 4253 section 6.6) is one of this key over `data`.
    pub fn has_signed(&self, data: &[u8], signature: &[u8]) -> Result<bool, Unverifiable> {
        has_signed(&self.key, data, signature)
    }
}

impl HostCertificate {
    /// Returns the names it vouches for at the time `now`; none when it is not valid then, or under
    /// conditions that nobody knows. One without principals or with patterns in them says no name.
    pub fn names(&self, now: UnixTime) -> impl Iterator<Item = &str> {
        let now = u64::try_from(now.0).unwrap_or(0);
        let is_valid = self.valid.contains(&now) && !self.has_critical_options;
        self.principals
            .iter()
            .map(String::as_str)
            .filter(move |name| is_valid && !name.contains(['*', '?', '!']))
    }

    /// Returns true if it does not list all of its names: it has no principals, or patterns.
    pub fn is_for_any_name(&self) -> bool {
        self.principals.is_empty() || self.principals.iter().any(|name| name.contains(['*', '?']))
    }
}

struct Signed<'a> {
    data: &'a [u8],
    signature: &'a [u8],
}

/// Reads a certificate and checks nothing. Returns the certified key, what the authority says of it,
/// and what it signed.
fn read_certificate(blob: &[u8]) -> Result<(Vec<u8>, HostCertificate, Signed<'_>), HostKeyError> {
    let mut reader = Reader::new(blob);
    let kind = reader.string()?;
    let (key_kind, fields) = KEY_TYPES
        .into_iter()
        .find(|(key_kind, _)| {
            let name = key_kind.trim_end_matches("@openssh.com").as_bytes();
            kind.strip_suffix(CERTIFICATE_SUFFIX) == Some(name)
        })
        .ok_or(Unverifiable::KeyType)?;
    let _nonce = reader.string()?;
    let mut key = Vec::new();
    put_string(&mut key, key_kind.as_bytes());
    for _ in 0..fields {
        put_string(&mut key, reader.string()?);
    }
    let _serial = reader.u64()?;
    let is_for_hosts = reader.u32()? == TYPE_HOST;
    let _key_id = reader.string()?;
    let principals = strings(reader.string()?)?;
    let valid = reader.u64()?..reader.u64()?;
    let has_critical_options = !reader.string()?.is_empty();
    let _extensions = reader.string()?;
    let _reserved = reader.string()?;
    let authority = reader.string()?.to_vec();
    let data = &blob[..blob.len() - reader.rest().len()];
    let signature = reader.string()?;
    reader.end()?;
    let certificate = HostCertificate {
        authority,
        is_for_hosts,
        principals,
        valid,
        has_critical_options,
    };
    Ok((key, certificate, Signed { data, signature }))
}

fn strings(list: &[u8]) -> Result<Vec<String>, HostKeyError> {
    let mut reader = Reader::new(list);
    let mut strings = Vec::new();
    while !reader.rest().is_empty() {
        let string = str::from_utf8(reader.string()?).map_err(|_| Malformed)?;
        strings.push(string.to_owned());
    }
    Ok(strings)
}

#[cfg(test)]
mod tests;
