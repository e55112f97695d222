//! How an account is renewed: one refresh request, and what its answer makes.
//!
//! If the refreshed ID token repeats the nonce, it makes a new ordinary PK token with the same key
//! and the same client claims, good on every server. If it has none, it is attached to the old PK
//! token, which helps where the server's policy is `oidc_refreshed`.

use std::sync::Arc;
use std::time::Duration;

use opkssh_protocol::certificate::MintError;
use opkssh_protocol::control::Renewal;
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;

use crate::accounts::credentials::Credentials;
use crate::accounts::login::LoginError;
use crate::accounts::provider::{Effect, OidcError, ProviderClient};
use crate::desktop::surroundings::Surroundings;
use crate::failpoint;

/// How long the provider has for its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// The tokens of a refresh, not verified, without the refresh token.
pub struct RefreshedTokens {
    id_token: Option<Secret>,
    access_token: Secret,
    client: ProviderClient,
}

/// Why a refresh brought nothing.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct RefreshError {
    /// What the request did at the provider.
    pub effect: Effect,
    error: OidcError,
}

/// Why the answer is of no use.
#[derive(Debug, thiserror::Error)]
pub enum RefreshedTokensError {
    #[error("the refreshed ID token: {0}")]
    IdToken(#[from] LoginError),
    #[error("the new certificate: {0}")]
    Mint(#[from] MintError),
}

/// Sends the refresh token to the provider. Returns the new one, if there is one, and the rest of
/// the answer.
pub async fn send(
    surroundings: &Arc<Surroundings>,
    credentials: &Credentials,
    refresh_token: &Secret,
) -> Result<(Option<Secret>, RefreshedTokens), RefreshError> {
    let client = ProviderClient::discover(surroundings, credentials.provider()).await;
    let client = client.map_err(|error| RefreshError {
        effect: Effect::None,
        error,
    })?;
    failpoint::reached("renewal: documents fetched");
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, client.refresh(refresh_token)).await;
    failpoint::reached("renewal: answer arrived");
    let answer = answer.unwrap_or(Err(OidcError::TimedOut(ANSWER_TIMEOUT)));
    let tokens = answer.map_err(|error| RefreshError {
        effect: error.effect(),
        error,
    })?;
    let refreshed = RefreshedTokens {
        id_token: tokens.id_token,
        access_token: tokens.access_token,
        client,
    };
    Ok((tokens.refresh_token, refreshed))
}

/// Returns the same credentials, to be renewed by a person only.
pub fn left_to_person(current: &Credentials, now: UnixTime) -> Result<Credentials, MintError> {
    let mut parts = current.parts.clone();
    parts.renewal = Renewal::NeedsPerson;
    Credentials::mint(parts, now)
}

/// Verifies the answer as fully as that of a login, and makes new credentials of it.
pub fn verify(
    current: &Credentials,
    refreshed: &RefreshedTokens,
    now: UnixTime,
) -> Result<Credentials, RefreshedTokensError> {
    let mut parts = current.parts.clone();
    if parts.access_token.is_some() {
        parts.access_token = Some(refreshed.access_token.clone());
    }
    match &refreshed.id_token {
        None => parts.renewal = Renewal::NeedsPerson,
        Some(id_token) => {
            let client = &refreshed.client;
            let renewed = parts
                .pk_token
                .refreshed(&parts.key, id_token, client, now)?;
            (parts.pk_token, parts.renewal) = renewed;
        }
    }
    Ok(Credentials::mint(parts, now)?)
}
