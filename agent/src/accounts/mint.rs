//! Where a certificate is minted: a PK token becomes an SSH certificate, signed by the key that the
//! token is bound to.

use opkssh_protocol::certificate::{CertificateRequest, MintError, UnverifiedCertificate, build};
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::user_key::UserKey;

use super::login::CheckedPkToken;

/// How far away a certificate's own end is, in seconds: ten years. The server decides from the PK
/// token how long it counts; the certificate's end only has to be finite for strict parsers.
const FAR: i64 = 10 * 365 * 24 * 3600;

/// Makes the certificate that is shown to servers.
pub fn mint(
    key: &UserKey,
    pk_token: &CheckedPkToken,
    access_token: Option<&Secret>,
    principals: &[String],
    now: UnixTime,
) -> Result<UnverifiedCertificate, MintError> {
    build(
        key,
        &CertificateRequest {
            pk_token: pk_token.token(),
            access_token,
            principals,
            valid_before: now.plus(FAR),
        },
    )
}
