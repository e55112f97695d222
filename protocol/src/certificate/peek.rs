//! Recognizes opkssh certificates by the names of their extensions, before parsing anything else.

use super::{CERTIFICATE_TYPES, CertificateError, PK_TOKEN_EXTENSION};
use crate::wire::Reader;

/// Returns the wire name of the type of an opkssh certificate.
///
/// Skips over the fields of a certificate blob (PROTOCOL.certkeys) without checking them: success
/// says nothing about the rest of the certificate.
///
/// # Errors
///
/// Fails if the blob has another type, has no extension with a PK token, or is truncated.
pub fn peek(blob: &[u8]) -> Result<&'static str, CertificateError> {
    let mut fields = Reader::new(blob);
    let name = fields.string()?;
    let kind = CERTIFICATE_TYPES
        .into_iter()
        .find(|kind| kind.as_bytes() == name)
        .ok_or_else(|| {
            let name = String::from_utf8_lossy(name);
            CertificateError::NotACertificate(name.into_owned())
        })?;
    let key_fields = if kind == CERTIFICATE_TYPES[0] { 2 } else { 1 };
    let nonce = 1;
    for _ in 0..nonce + key_fields {
        fields.string()?;
    }
    fields.u64()?; // serial number
    fields.u32()?; // type
    fields.string()?; // key id
    fields.string()?; // principals
    fields.u64()?; // valid after
    fields.u64()?; // valid before
    fields.string()?; // critical options
    let mut extensions = Reader::new(fields.string()?);
    while !extensions.rest().is_empty() {
        if extensions.string()? == PK_TOKEN_EXTENSION.as_bytes() {
            return Ok(kind);
        }
        extensions.string()?;
    }
    Err(CertificateError::NoPkToken)
}
