//! Where a certificate is minted: an ID token and the user key become a PK token, and that an SSH
//! certificate signed by the same key.

use opkssh_protocol::certificate::{CertificateRequest, MintError, UnverifiedCertificate, build};
use opkssh_protocol::cic::ClientInstanceClaims;
use opkssh_protocol::id_token::UnverifiedIdToken;
use opkssh_protocol::pk_token::UnverifiedPkToken;
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::user_key::UserKey;

/// How far away a certificate's own end is, in seconds: ten years. The server decides from the PK
/// token how long it counts; the certificate's end only has to be finite for strict parsers.
const FAR: i64 = 10 * 365 * 24 * 3600;

/// Binds `id_token` to the key: the client's signature over the provider's payload.
pub fn bind(
    key: &UserKey,
    cic: &ClientInstanceClaims,
    id_token: UnverifiedIdToken,
) -> UnverifiedPkToken {
    let input = UnverifiedPkToken::signing_input(&id_token, cic);
    let signature = key.sign_jws(input.as_bytes());
    UnverifiedPkToken::assemble(id_token, cic.clone(), signature)
}

/// Makes the certificate that is shown to servers.
pub fn mint(
    key: &UserKey,
    pk_token: &UnverifiedPkToken,
    access_token: Option<&Secret>,
    principals: &[String],
    now: UnixTime,
) -> Result<UnverifiedCertificate, MintError> {
    build(
        key,
        &CertificateRequest {
            pk_token,
            access_token,
            principals,
            valid_before: now.plus(FAR),
        },
    )
}
