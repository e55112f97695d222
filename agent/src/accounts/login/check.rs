//! What the agent checks of a provider's token before it relies on it.

use opkssh_protocol::config::Provider;
use opkssh_protocol::id_token::{Claims, IdTokenError};
use opkssh_protocol::pk_token::{
    self, ExpirationPolicy, PkTokenError, TokenTimes, TrustedProvider, UnverifiedPkToken,
};
use opkssh_protocol::time::UnixTime;

use super::error::LoginError;
use crate::accounts::provider::ProviderDocuments;

/// Verifies a fresh PK token as a server would, and as a relying party must (OpenID Connect Core
/// section 3.1.3.7): not expired, and meant for us.
pub fn check(
    pk_token: &UnverifiedPkToken,
    provider: &Provider,
    documents: &ProviderDocuments,
    now: UnixTime,
) -> Result<(), LoginError> {
    let trusted = TrustedProvider {
        issuer: provider.issuer.clone(),
        client_ids: vec![provider.client_id.clone()],
        expiration: ExpirationPolicy::Oidc,
    };
    let verified = pk_token::verify(pk_token.clone(), &trusted, &documents.keys, now)?;
    check_authorized_party(verified.claims(), provider)
}

/// Fails if a verified, refreshed ID token without a nonce has expired or is meant for another
/// client: what [`check`] looks at where a token makes a PK token of its own.
pub fn check_refreshed(
    claims: &Claims,
    provider: &Provider,
    now: UnixTime,
) -> Result<(), LoginError> {
    let times = TokenTimes {
        issued_at: claims.issued_at(),
        expires_at: claims.expires_at(),
        refreshed_expires_at: None,
    };
    let expired = ExpirationPolicy::Oidc.check(times, now);
    expired.map_err(PkTokenError::from)?;
    check_authorized_party(claims, provider)
}

fn check_authorized_party(claims: &Claims, provider: &Provider) -> Result<(), LoginError> {
    let Some(azp) = claims.get("azp") else {
        return Ok(());
    };
    match azp.as_str() {
        Some(azp) if azp == provider.client_id => Ok(()),
        Some(azp) => Err(LoginError::AuthorizedParty(azp.to_owned())),
        None => Err(IdTokenError::ClaimType("azp").into()),
    }
}
