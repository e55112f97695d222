//! What the agent checks of a provider's token before it relies on it.

use opkssh_protocol::id_token::{Claims, IdTokenError};
use opkssh_protocol::pk_token::{
    self, ExpirationPolicy, PkTokenError, TokenTimes, TrustedProvider, UnverifiedPkToken,
};
use opkssh_protocol::time::UnixTime;

use super::error::LoginError;
use crate::accounts::provider::ProviderClient;

/// Verifies a fresh PK token as a server would, and as a relying party must (OpenID Connect Core
/// section 3.1.3.7): not expired, and meant for us.
pub fn check(
    pk_token: &UnverifiedPkToken,
    client: &ProviderClient,
    now: UnixTime,
) -> Result<(), LoginError> {
    let trusted = TrustedProvider {
        issuer: client.provider.issuer.clone(),
        client_ids: vec![client.provider.client_id.clone()],
        expiration: ExpirationPolicy::Oidc,
    };
    let verified = pk_token::verify(pk_token.clone(), &trusted, &client.keys, now)?;
    check_authorized_party(verified.claims(), &client.provider.client_id)
}

/// Fails if a verified, refreshed ID token without a nonce has expired or is meant for another
/// client: what [`check`] looks at where a token makes a PK token of its own.
pub fn check_refreshed(
    claims: &Claims,
    client: &ProviderClient,
    now: UnixTime,
) -> Result<(), LoginError> {
    let times = TokenTimes {
        issued_at: claims.issued_at(),
        expires_at: claims.expires_at(),
        refreshed_expires_at: None,
    };
    let expired = ExpirationPolicy::Oidc.check(times, now);
    expired.map_err(PkTokenError::from)?;
    check_authorized_party(claims, &client.provider.client_id)
}

fn check_authorized_party(claims: &Claims, client_id: &str) -> Result<(), LoginError> {
    match claims.get("azp").map(|azp| azp.as_str()) {
        None => Ok(()),
        Some(Some(azp)) if azp == client_id => Ok(()),
        Some(Some(azp)) => Err(LoginError::AuthorizedParty(azp.to_owned())),
        Some(None) => Err(IdTokenError::ClaimType("azp").into()),
    }
}
