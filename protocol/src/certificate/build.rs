//! Builds certificates, which the user key signs for itself.

use ssh_key::certificate::{Builder, CertType};

use super::{
    ACCESS_TOKEN_EXTENSION, PERMITS, PK_TOKEN_EXTENSION, UnverifiedCertificate, WILDCARD_PRINCIPAL,
    is_principal,
};
use crate::pk_token::UnverifiedPkToken;
use crate::secret::{Secret, leaving_no_stack};
use crate::time::UnixTime;
use crate::user_key::UserKey;

/// The contents of a new certificate.
pub struct CertificateRequest<'a> {
    /// Stored in the extension [`PK_TOKEN_EXTENSION`].
    pub pk_token: &'a UnverifiedPkToken,
    /// Set only if the account sends its access token: every server sees it.
    pub access_token: Option<&'a Secret>,
    /// Empty means [`WILDCARD_PRINCIPAL`].
    pub principals: &'a [String],
    /// End of validity. The server takes the real expiry from the PK token, but strict parsers
    /// refuse certificates without an end.
    pub valid_before: UnixTime,
}

/// Reason why no certificate was built.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum MintError {
    #[error("principal {0:?} is not allowed: use letters, digits and . _ + @ - only")]
    Principal(String),
    #[error("the certificate cannot be built: {0}")]
    Build(#[from] ssh_key::Error),
    #[error("the new certificate does not read back: {0}")]
    ReadBack(#[from] super::CertificateError),
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
}

/// Builds and signs a certificate with the same fields as Go opkssh, but with an end of validity.
pub fn build(
    key: &UserKey,
    request: &CertificateRequest<'_>,
) -> Result<UnverifiedCertificate, MintError> {
    leaving_no_stack(|| build_and_sign(key, request))
}

fn build_and_sign(
    key: &UserKey,
    request: &CertificateRequest<'_>,
) -> Result<UnverifiedCertificate, MintError> {
    let signer = key.to_ssh_key("")?;
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce)?;
    let end = u64::try_from(request.valid_before.0).unwrap_or(0);
    let mut builder = Builder::new(nonce, signer.public_key().key_data().clone(), 0, end)?;
    builder.serial(0)?.cert_type(CertType::User)?;
    let email = request.pk_token.unverified_claims().email();
    builder.key_id(email.unwrap_or_default())?;
    if request.principals.is_empty() {
        builder.valid_principal(WILDCARD_PRINCIPAL)?;
    }
    for principal in request.principals {
        if !is_principal(principal) {
            return Err(MintError::Principal(principal.clone()));
        }
        builder.valid_principal(principal)?;
    }
    builder.extension(PK_TOKEN_EXTENSION, request.pk_token.compact())?;
    if let Some(token) = request.access_token {
        builder.extension(ACCESS_TOKEN_EXTENSION, token.expose())?;
    }
    for permit in PERMITS {
        builder.extension(permit, "")?;
    }
    let blob = builder.sign(&signer)?.to_bytes()?;
    Ok(UnverifiedCertificate::parse(&blob)?)
}
