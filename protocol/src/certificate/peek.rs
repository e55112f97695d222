//! Recognizes opkssh certificates by the names of their extensions, before parsing anything else.

use super::{CERTIFICATE_TYPES, CertificateError, PK_TOKEN_EXTENSION};

/// Returns the wire name of the type of an opkssh certificate.
///
/// Skips over the fields of a certificate blob (PROTOCOL.certkeys) without checking them: success
/// says nothing about the rest of the certificate.
///
/// # Errors
///
/// Fails if the blob has another type, has no extension with a PK token, or is truncated.
pub fn peek(blob: &[u8]) -> Result<&'static str, CertificateError> {
    let mut fields = Fields(blob);
    let name = fields.string()?;
    let kind = CERTIFICATE_TYPES
        .into_iter()
        .find(|kind| kind.as_bytes() == name)
        .ok_or_else(|| {
            let name = String::from_utf8_lossy(name);
            CertificateError::NotACertificate(name.chars().take(64).collect())
        })?;
    let key_fields = if kind == CERTIFICATE_TYPES[0] { 2 } else { 1 };
    let nonce = 1;
    for _ in 0..nonce + key_fields {
        fields.string()?;
    }
    fields.skip(8 + 4)?; // serial number and type
    fields.string()?; // key id
    fields.string()?; // principals
    fields.skip(8 + 8)?; // valid after and before
    fields.string()?; // critical options
    let mut extensions = Fields(fields.string()?);
    while !extensions.0.is_empty() {
        if extensions.string()? == PK_TOKEN_EXTENSION.as_bytes() {
            return Ok(kind);
        }
        extensions.string()?;
    }
    Err(CertificateError::NoPkToken)
}

/// Reads fields in the encoding of RFC 4251 section 5.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn string(&mut self) -> Result<&'a [u8], CertificateError> {
        let (length, rest) = self.0.split_first_chunk::<4>().ok_or_else(truncated)?;
        let length = u32::from_be_bytes(*length) as usize;
        let (string, rest) = rest.split_at_checked(length).ok_or_else(truncated)?;
        self.0 = rest;
        Ok(string)
    }

    fn skip(&mut self, bytes: usize) -> Result<(), CertificateError> {
        self.0 = self.0.get(bytes..).ok_or_else(truncated)?;
        Ok(())
    }
}

fn truncated() -> CertificateError {
    CertificateError::Malformed("truncated".to_owned())
}
