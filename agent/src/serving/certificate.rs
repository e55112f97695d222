//! Certificates of hosts and users (PROTOCOL.certkeys).

use std::ops::Range;

use opkssh_protocol::time::UnixTime;
use opkssh_protocol::wire::{Malformed, Reader, put_string};

use super::signature::{KEY_TYPES, Unverifiable, has_signed};
use opkssh_protocol::patterns::matches;

const SUFFIX: &str = "-cert-v01@openssh.com";
const TYPE_HOST: u32 = 2;

/// What an authority says of a key; whether the authority is trusted is for others to say.
pub struct Certificate {
    /// The certifying key.
    pub authority: Vec<u8>,
    pub is_for_hosts: bool,
    /// From, and to before, these seconds since 1970.
    pub valid: Range<u64>,
    principals: Vec<String>,
    has_critical_options: bool,
}

/// A certificate as read; its signature was not checked.
pub struct Read<'a> {
    /// The certified key.
    pub key: Vec<u8>,
    pub certificate: Certificate,
    data: &'a [u8],
    signature: &'a [u8],
}

/// Returns true if the type of this key is one of certificates.
pub fn is_certificate(blob: &[u8]) -> Result<bool, Malformed> {
    let kind = Reader::new(blob).string()?;
    Ok(kind.ends_with(SUFFIX.as_bytes()))
}

/// Returns the type of key that certificates of this type certify, and true; the type itself, and
/// false, if it is no certificate's.
pub fn certified_type(kind: &str) -> (&str, bool) {
    match kind.strip_suffix(SUFFIX) {
        Some(plain) => (plain, true),
        None => (kind, false),
    }
}

/// Reads a certificate and checks nothing.
///
/// # Errors
/// `Ok(Err(…))` for one of a type that nothing here knows.
pub fn read(blob: &[u8]) -> Result<Result<Read<'_>, Unverifiable>, Malformed> {
    let mut reader = Reader::new(blob);
    let kind = reader.string()?;
    let known = KEY_TYPES.into_iter().find(|(key_kind, _)| {
        let name = key_kind.trim_end_matches("@openssh.com");
        kind.strip_suffix(SUFFIX.as_bytes()) == Some(name.as_bytes())
    });
    let Some((key_kind, fields)) = known else {
        return Ok(Err(Unverifiable::KeyType));
    };
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
    Ok(Ok(Read {
        key,
        certificate: Certificate {
            authority,
            is_for_hosts,
            principals,
            valid,
            has_critical_options,
        },
        data,
        signature,
    }))
}

impl Read<'_> {
    /// Returns true if the authority has signed it.
    pub fn is_signed(&self) -> Result<bool, Unverifiable> {
        has_signed(&self.certificate.authority, self.data, self.signature)
    }
}

impl Certificate {
    /// Returns the certificate that this authority would give the host.
    pub fn predicted(authority: Vec<u8>, host: &str) -> Self {
        Self {
            authority,
            is_for_hosts: true,
            valid: 0..u64::MAX,
            principals: vec![host.to_owned()],
            has_critical_options: false,
        }
    }

    /// Returns the names it vouches for at the time `now`; none when it is not valid then, or under
    /// conditions that nobody knows. One without principals or with patterns in them says no name.
    pub fn names(&self, now: UnixTime) -> impl Iterator<Item = &str> {
        let is_valid = self.is_valid(now);
        self.principals
            .iter()
            .map(String::as_str)
            .filter(move |name| is_valid && !name.contains(['*', '?', '!']))
    }

    /// Returns true if it is for the host of this name, which a principal with `*` and `?` may match.
    pub fn is_for_host(&self, name: &str, now: UnixTime) -> bool {
        self.is_for_hosts
            && self.is_valid(now)
            && self.principals.iter().any(|it| matches(it, name))
    }

    /// Returns true if it does not list all of its names: it has no principals, or patterns.
    pub fn is_for_any_name(&self) -> bool {
        self.principals.is_empty() || self.principals.iter().any(|name| name.contains(['*', '?']))
    }

    fn is_valid(&self, now: UnixTime) -> bool {
        let now = u64::try_from(now.0).unwrap_or(0);
        self.valid.contains(&now) && !self.has_critical_options
    }
}

fn strings(list: &[u8]) -> Result<Vec<String>, Malformed> {
    let mut reader = Reader::new(list);
    let mut strings = Vec::new();
    while !reader.rest().is_empty() {
        let string = str::from_utf8(reader.string()?).map_err(|_| Malformed)?;
        strings.push(string.to_owned());
    }
    Ok(strings)
}
