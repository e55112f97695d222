//! Verifies certificates. [`verify`] is the only constructor of [`VerifiedCertificate`], which says
//! nothing about the identity of the holder: that is in the PK token.

use ssh_key::certificate::CertType;

use super::unverified::public_key;
use super::{CertificateError, UnverifiedCertificate};
use crate::jwk::{Algorithm, PublicKey};
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::wire::Reader;

/// Critical options that sshd enforces itself (PROTOCOL.certkeys).
const CRITICAL_OPTIONS: [&str; 3] = ["force-command", "source-address", "verify-required"];

/// A currently valid user certificate, signed by the key that it certifies, with principals that
/// are safe in an authorized_keys line.
#[derive(Clone)]
pub struct VerifiedCertificate(UnverifiedCertificate);

impl VerifiedCertificate {
    /// Returns the key id. The client chose this text: escape it before showing it.
    pub fn key_id(&self) -> &str {
        self.0.certificate.key_id()
    }

    /// Returns the principals, all safe in an authorized_keys line.
    pub fn principals(&self) -> &[String] {
        self.0.certificate.valid_principals()
    }

    /// Returns the certified key.
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public_key
    }

    /// Returns `type base64` of the certified key, which is also the signing key.
    pub fn openssh_public_key(&self) -> String {
        // a parsed key can always be encoded
        ssh_key::PublicKey::from(self.0.certificate.public_key().clone())
            .to_openssh()
            .unwrap_or_default()
    }

    /// Returns `SHA256:…` of the certified key, as shown by `ssh-keygen -l`.
    pub fn fingerprint(&self) -> String {
        self.0.unverified_fingerprint()
    }

    /// Returns true if the certificate has the critical option `force-command`.
    pub fn has_forced_command(&self) -> bool {
        let options = self.0.certificate.critical_options();
        options.iter().any(|(name, _)| name == "force-command")
    }

    /// Returns the compact PK token.
    pub fn pk_token(&self) -> &str {
        &self.0.pk_token
    }

    /// Returns the access token, if the certificate contains one.
    pub fn access_token(&self) -> Option<&Secret> {
        self.0.access_token.as_ref()
    }
}

/// Checks everything about a certificate that does not need the provider's keys.
pub fn verify(
    unverified: UnverifiedCertificate,
    now: UnixTime,
) -> Result<VerifiedCertificate, CertificateError> {
    let certificate = &unverified.certificate;
    if certificate.cert_type() != CertType::User {
        return Err(CertificateError::NotAUser);
    }
    let seconds = u64::try_from(now.0).unwrap_or(0);
    let (start, end) = (certificate.valid_after(), certificate.valid_before());
    if seconds < start {
        return Err(CertificateError::NotYetValid(unix_time(start)));
    }
    if seconds >= end {
        return Err(CertificateError::Expired(unix_time(end)));
    }
    for (option, _) in certificate.critical_options().iter() {
        if !CRITICAL_OPTIONS.contains(&option.as_str()) {
            return Err(CertificateError::CriticalOption(option.clone()));
        }
    }
    for principal in certificate.valid_principals() {
        if !is_principal(principal) {
            return Err(CertificateError::Principal(principal.clone()));
        }
    }
    if public_key(certificate.signature_key())? != unverified.public_key {
        return Err(CertificateError::OtherAuthority);
    }
    check_signature(&unverified)?;
    Ok(VerifiedCertificate(unverified))
}

/// Returns true if `name` is safe in `principals="…"`: `^[a-zA-Z0-9_][a-zA-Z0-9._+@-]{0,127}\$?$`,
/// as in Go.
pub fn is_principal(name: &str) -> bool {
    let name = name.strip_suffix('$').unwrap_or(name).as_bytes();
    let Some((first, rest)) = name.split_first() else {
        return false;
    };
    let is_fit = |c: &u8| c.is_ascii_alphanumeric() || b"._+@-".contains(c);
    (first.is_ascii_alphanumeric() || *first == b'_')
        && rest.len() <= 127
        && rest.iter().all(is_fit)
}

fn check_signature(unverified: &UnverifiedCertificate) -> Result<(), CertificateError> {
    let signature = unverified.certificate.signature();
    // the signature is the last string of the blob; it contains two strings, type and bytes
    let encoded = 4 + 4 + signature.algorithm().as_str().len() + 4 + signature.as_bytes().len();
    let malformed = |what: &str| CertificateError::Malformed(what.to_owned());
    let end = unverified.blob.len().checked_sub(encoded);
    let end = end.ok_or_else(|| malformed("truncated signature"))?;
    let signed = &unverified.blob[..end];
    match (&unverified.public_key, signature.algorithm().as_str()) {
        (key @ PublicKey::EcP256 { .. }, "ecdsa-sha2-nistp256") => {
            let fixed = fixed_ecdsa(signature.as_bytes());
            let fixed = fixed.ok_or_else(|| malformed("odd ECDSA signature"))?;
            key.verify(Algorithm::Es256, signed, &fixed)?;
        }
        (key @ PublicKey::Ed25519(_), "ssh-ed25519") => {
            key.verify(Algorithm::EdDsa, signed, signature.as_bytes())?;
        }
        (_, other) => return Err(CertificateError::KeyType(other.to_owned())),
    }
    Ok(())
}

/// Converts two SSH mpints (RFC 5656 section 3.1.2) to the fixed-size form of JWS.
fn fixed_ecdsa(signature: &[u8]) -> Option<[u8; 64]> {
    let mut fixed = [0; 64];
    let mut numbers = Reader::new(signature);
    for half in fixed.chunks_exact_mut(32) {
        let number = numbers.string().ok()?;
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        half.get_mut(32usize.checked_sub(number.len())?..)?
            .copy_from_slice(number);
    }
    numbers.end().ok().map(|()| fixed)
}

fn unix_time(seconds: u64) -> UnixTime {
    UnixTime(i64::try_from(seconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
