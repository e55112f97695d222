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
mod tests {
    use super::super::made::{self, Certificate, Key};
    use super::*;

    const NOW: UnixTime = UnixTime(1_800_000_000);

    fn names(certificate: &Certificate) -> Vec<String> {
        let key = HostKey::parse(&certificate.blob()).unwrap();
        let names = key.certificate().unwrap().names(NOW);
        names.map(str::to_owned).collect()
    }

    #[test]
    fn a_key_is_read_whole() {
        for key in [Key::ed25519(), Key::p256()] {
            let host_key = HostKey::parse(&key.blob()).unwrap();
            assert_eq!(host_key.key, key.blob());
            assert!(host_key.certificate().is_none());
            assert_eq!(host_key.has_signed(b"data", &key.sign(b"data")), Ok(true));
            assert_eq!(host_key.has_signed(b"date", &key.sign(b"data")), Ok(false));
            assert_eq!(
                host_key.has_signed(b"data", &Key::ed25519().sign(b"data")),
                Ok(false)
            );
            assert_eq!(host_key.has_signed(b"data", b""), Ok(false));
            assert!(HostKey::parse(&[&key.blob()[..], &[0]].concat()).is_err());
        }
        let unknown = made::strings(&[b"unknown@example.com", b"key"]);
        let kind = HostKeyError::Unverifiable(Unverifiable::KeyType);
        assert_eq!(HostKey::parse(&unknown).err(), Some(kind));
        assert!(HostKey::parse(b"").is_err());
    }

    #[test]
    fn a_certificate_names_what_its_authority_signed() {
        for (key, authority) in [(Key::ed25519(), Key::p256()), (Key::p256(), Key::ed25519())] {
            let mut certificate = Certificate::new(&key, &authority, &["web1", "web2"]);
            let host_key = HostKey::parse(&certificate.blob()).unwrap();
            assert_eq!(host_key.key, key.blob());
            assert_eq!(host_key.blob, certificate.blob());
            assert_eq!(host_key.has_signed(b"data", &key.sign(b"data")), Ok(true));
            assert_eq!(
                host_key.has_signed(b"data", &authority.sign(b"data")),
                Ok(false)
            );
            assert_eq!(host_key.certificate().unwrap().authority, authority.blob());
            assert_eq!(names(&certificate), ["web1", "web2"]);
            certificate.principals = vec!["*.example.com".to_owned(), "web1".to_owned()];
            assert_eq!(names(&certificate), ["web1"]);
        }
    }

    #[test]
    fn a_certificate_counts_while_it_is_valid() {
        let (key, authority) = (Key::ed25519(), Key::ed25519());
        let now = u64::try_from(NOW.0).unwrap();
        for (after, before, counts) in [
            (0, u64::MAX, true),
            (now, now + 1, true),
            (now + 1, u64::MAX, false),
            (0, now, false),
        ] {
            let mut certificate = Certificate::new(&key, &authority, &["web1"]);
            (certificate.valid_after, certificate.valid_before) = (after, before);
            assert_eq!(names(&certificate).len(), usize::from(counts));
        }
        let mut certificate = Certificate::new(&key, &authority, &["web1"]);
        certificate.critical_options = b"something".to_vec();
        assert!(names(&certificate).is_empty());
    }

    #[test]
    fn what_no_authority_signed_is_no_certificate() {
        let (key, authority) = (Key::ed25519(), Key::ed25519());
        let certificate = Certificate::new(&key, &authority, &["web1"]);
        let mut forged = Certificate::new(&key, &authority, &["web1"]);
        forged.signer = Some(&key);
        assert_eq!(
            HostKey::parse(&forged.blob()).err(),
            Some(HostKeyError::Signature)
        );
        let mut user = Certificate::new(&key, &authority, &["web1"]);
        user.kind = 1;
        assert_eq!(
            HostKey::parse(&user.blob()).err(),
            Some(HostKeyError::NotAHost)
        );
        let blob = certificate.blob();
        for place in 0..blob.len() {
            let mut changed = blob.clone();
            changed[place] ^= 1;
            assert!(HostKey::parse(&changed).is_err(), "{place}");
            assert!(HostKey::parse(&blob[..place]).is_err(), "{place}");
        }
    }
}
