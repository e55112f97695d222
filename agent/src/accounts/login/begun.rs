//! What every flow has in common: it begins with a new user key, and ends with a PK token that
//! binds the provider's tokens to it.

use opkssh_protocol::cic::ClientInstanceClaims;
use opkssh_protocol::config::Provider;
use opkssh_protocol::id_token::{IdTokenError, UnverifiedIdToken};
use opkssh_protocol::pk_token::PkTokenError;
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::user_key::UserKey;

use super::LoginAttempt;
use super::checked_token::CheckedPkToken;
use super::error::{LoginError, random};
use super::loopback::Visit;
use crate::accounts::provider::{OidcError, ProviderClient, Tokens, revoke};
use crate::failpoint;

/// The result of a login, verified.
pub struct LoggedIn {
    /// With the provider's documents, fresh from the network.
    pub client: ProviderClient,
    pub key: UserKey,
    pub pk_token: CheckedPkToken,
    pub access_token: Secret,
    pub refresh_token: Option<Secret>,
    /// The browser that waits for its last page, if there is one.
    pub browser: Option<Visit>,
}

/// What every flow begins with.
pub(super) struct Begun {
    key: UserKey,
    /// Their commitment is the nonce to send.
    pub cic: ClientInstanceClaims,
    pub client: ProviderClient,
}

impl Begun {
    /// Fetches the provider's documents and makes a user key.
    pub async fn begin(login: &LoginAttempt<'_>, provider: &Provider) -> Result<Self, LoginError> {
        login.waiting("Asking the provider for its endpoints");
        let client = ProviderClient::discover(login.surroundings, provider).await?;
        failpoint::reached("login: documents fetched");
        let key = UserKey::generate(login.request.key_type)?;
        let cic = ClientInstanceClaims::new(&key.public_key(), key.algorithm(), random()?)?;
        Ok(Self { key, cic, client })
    }

    /// Binds the ID token to the key and verifies the result. If that fails, revokes the refresh
    /// token, which nothing will use, unless the clock may be at fault or another account's token
    /// may belong to the same grant.
    pub async fn finish(
        self,
        login: &LoginAttempt<'_>,
        tokens: Tokens,
    ) -> Result<LoggedIn, LoginError> {
        match self.bind(&tokens, login.clock.now()) {
            Ok(pk_token) => Ok(LoggedIn {
                client: self.client,
                key: self.key,
                pk_token,
                access_token: tokens.access_token,
                refresh_token: tokens.refresh_token,
                browser: None,
            }),
            Err(error) => {
                let issuer = &self.client.provider.issuer;
                if let Some(refresh_token) = &tokens.refresh_token
                    && !is_of_the_clock(&error)
                    && (login.may_revoke)(issuer, subject(&tokens).as_deref())
                {
                    let _ = revoke(&self.client, refresh_token).await;
                }
                Err(error)
            }
        }
    }

    fn bind(&self, tokens: &Tokens, now: UnixTime) -> Result<CheckedPkToken, LoginError> {
        let id_token = tokens.id_token.as_ref().ok_or(OidcError::NoIdToken)?;
        let id_token = UnverifiedIdToken::parse(id_token.expose())?;
        let bound = CheckedPkToken::bind(&self.key, &self.cic, id_token, &self.client, now);
        bound.map_err(|error| match error {
            LoginError::PkToken(error @ PkTokenError::Expiration(_)) => {
                LoginError::Outdated { error, now }
            }
            error => error,
        })
    }
}

/// Returns whose login the tokens claim to be.
fn subject(tokens: &Tokens) -> Option<String> {
    let id_token = UnverifiedIdToken::parse(tokens.id_token.as_ref()?.expose()).ok()?;
    Some(id_token.unverified_claims().sub().to_owned())
}

/// Returns true if a token was refused by the time of this machine.
fn is_of_the_clock(error: &LoginError) -> bool {
    matches!(
        error,
        LoginError::Outdated { .. }
            | LoginError::IdToken(IdTokenError::FromTheFuture { .. })
            | LoginError::PkToken(PkTokenError::IdToken(IdTokenError::FromTheFuture { .. }))
    )
}
