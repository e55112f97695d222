//! PK tokens that the agent may rely on: checked when the provider's tokens come.

use opkssh_protocol::cic::ClientInstanceClaims;
use opkssh_protocol::control::Renewal;
use opkssh_protocol::id_token::{Audience, Claims, Expected, IdTokenError, UnverifiedIdToken};
use opkssh_protocol::pk_token::{
    self, ExpirationPolicy, PkTokenError, TokenTimes, TrustedProvider, UnverifiedPkToken,
    verify_refreshed,
};
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::user_key::UserKey;

use super::error::LoginError;
use crate::accounts::provider::ProviderClient;

/// A PK token whose signatures and commitment were verified when its tokens came. Its age is
/// judged by [`Self::times`].
#[derive(Clone)]
pub struct CheckedPkToken(UnverifiedPkToken);

impl CheckedPkToken {
    /// Binds a fresh ID token to the key, and verifies the result as a server would, and as a
    /// relying party must (OpenID Connect Core section 3.1.3.7): not expired, and meant for us.
    pub fn bind(
        key: &UserKey,
        cic: &ClientInstanceClaims,
        id_token: UnverifiedIdToken,
        client: &ProviderClient,
        now: UnixTime,
    ) -> Result<Self, LoginError> {
        let input = UnverifiedPkToken::signing_input(&id_token, cic);
        let signature = key.sign_jws(input.as_bytes());
        let pk_token = UnverifiedPkToken::assemble(id_token, cic.clone(), signature);
        let trusted = TrustedProvider {
            issuer: client.provider.issuer.clone(),
            client_ids: vec![client.provider.client_id.clone()],
            expiration: ExpirationPolicy::Oidc,
        };
        let verified = pk_token::verify(pk_token.clone(), &trusted, &client.keys, now)?;
        check_authorized_party(verified.claims(), &client.provider.client_id)?;
        Ok(Self(pk_token))
    }

    /// Returns the PK token that a refreshed ID token gives, and what kind of renewal that is: with
    /// a nonce a token of its own, without one the same token with the refreshed one attached.
    pub fn refreshed(
        &self,
        key: &UserKey,
        id_token: &Secret,
        client: &ProviderClient,
        now: UnixTime,
    ) -> Result<(Self, Renewal), LoginError> {
        let id_token = UnverifiedIdToken::parse(id_token.expose())?;
        let client_id = &client.provider.client_id;
        let client_ids = [client_id.clone()];
        let expected = Expected {
            issuer: &client.provider.issuer,
            audience: Audience::OneOf(&client_ids),
        };
        let (cic, first, keys) = (self.0.unverified_cic(), self.claims(), &client.keys);
        let verified = verify_refreshed(id_token.clone(), first, cic, expected, keys, now)?;
        let nonce = id_token.unverified_claims().nonce();
        if nonce.is_some_and(|nonce| !nonce.is_empty()) {
            let renewed = Self::bind(key, cic, id_token, client, now)?;
            return Ok((renewed, Renewal::ByItself));
        }
        let claims = verified.claims();
        let times = TokenTimes {
            issued_at: claims.issued_at(),
            expires_at: claims.expires_at(),
            refreshed_expires_at: None,
        };
        let expired = ExpirationPolicy::Oidc.check(times, now);
        expired.map_err(PkTokenError::from)?;
        check_authorized_party(claims, client_id)?;
        let attached = Self(self.0.clone().with_refreshed(id_token));
        Ok((attached, Renewal::OnRefreshedServers))
    }

    /// Takes back what the agent's own store has: it was checked before it was stored.
    pub fn from_store(compact: &Secret) -> Result<Self, PkTokenError> {
        UnverifiedPkToken::parse_compact(compact.expose()).map(Self)
    }

    /// Returns the token, to be minted or stored.
    pub fn token(&self) -> &UnverifiedPkToken {
        &self.0
    }

    /// Returns the claims of the first ID token.
    pub fn claims(&self) -> &Claims {
        self.0.unverified_claims()
    }

    /// Returns the times that servers decide by.
    pub fn times(&self) -> TokenTimes {
        let refreshed = self.0.unverified_refreshed();
        TokenTimes {
            issued_at: self.claims().issued_at(),
            expires_at: self.claims().expires_at(),
            refreshed_expires_at: refreshed
                .and_then(|token| token.unverified_claims().expires_at()),
        }
    }
}

fn check_authorized_party(claims: &Claims, client_id: &str) -> Result<(), LoginError> {
    match claims.get("azp").map(|azp| azp.as_str()) {
        None => Ok(()),
        Some(Some(azp)) if azp == client_id => Ok(()),
        Some(Some(azp)) => Err(LoginError::AuthorizedParty(azp.to_owned())),
        Some(None) => Err(IdTokenError::ClaimType("azp").into()),
    }
}
