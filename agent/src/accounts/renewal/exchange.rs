//! How an account is renewed: one refresh request, and what its answer makes.
//!
//! If the refreshed ID token repeats the nonce, it makes a new ordinary PK token with the same key
//! and the same client claims, good on every server. If it has none, it is attached to the old PK
//! token, which helps where the server's policy is `oidc_refreshed`.

use std::time::Duration;

use opkssh_protocol::certificate::MintError;
use opkssh_protocol::control::Renewal;
use opkssh_protocol::id_token::{Audience, Expected, IdTokenError, UnverifiedIdToken};
use opkssh_protocol::pk_token::{PkTokenError, verify_refreshed};
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;

use crate::accounts::credentials::{Credentials, Parts};
use crate::accounts::login::{self, LoginError};
use crate::accounts::mint::bind;
use crate::accounts::provider::{self, Http, OidcError, ProviderDocuments, Tokens};
use crate::failpoint;

/// How long the provider has for its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// The tokens of a refresh, not verified, without the refresh token.
pub struct Refreshed {
    id_token: Option<Secret>,
    access_token: Secret,
    documents: ProviderDocuments,
}

/// Why a refresh brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The provider did nothing, and the refresh token is as good as before.
    #[error("{0}")]
    NotSent(OidcError),
    #[error("{0}")]
    InvalidGrant(OidcError),
    /// The provider will not renew before the person has logged in. The refresh token stays good.
    #[error("{0}")]
    NeedsPerson(OidcError),
    #[error("{0}")]
    Refused(OidcError),
    /// The provider may have acted.
    #[error("{0}")]
    NoAnswer(OidcError),
    #[error("the provider did not answer within {} seconds", ANSWER_TIMEOUT.as_secs())]
    TimedOut,
}

/// Why the answer is of no use.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("the refreshed ID token: {0}")]
    IdToken(#[from] IdTokenError),
    #[error("the refreshed ID token: {0}")]
    PkToken(#[from] PkTokenError),
    #[error("the refreshed ID token: {0}")]
    Login(#[from] LoginError),
    #[error("the new certificate: {0}")]
    Mint(#[from] MintError),
}

/// Sends the refresh token to the provider. Returns the new one, if there is one, and the rest of
/// the answer.
pub async fn ask(
    http: &Http,
    credentials: &Credentials,
    refresh_token: &Secret,
) -> Result<(Option<Secret>, Refreshed), AskError> {
    let provider = credentials.provider();
    let documents = provider::discover(http, &provider.issuer)
        .await
        .map_err(AskError::NotSent)?;
    failpoint::reached("renewal: documents fetched");
    let asked = provider::refresh(http, &documents, provider, refresh_token);
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, asked).await;
    failpoint::reached("renewal: answer arrived");
    let Tokens {
        id_token,
        access_token,
        refresh_token,
    } = answer.map_err(|_| AskError::TimedOut)?.map_err(failure)?;
    let refreshed = Refreshed {
        id_token: id_token.map(Secret::new),
        access_token,
        documents,
    };
    Ok((refresh_token, refreshed))
}

fn failure(error: OidcError) -> AskError {
    if error.is_invalid_grant() {
        AskError::InvalidGrant(error)
    } else if error.needs_person() {
        AskError::NeedsPerson(error)
    } else if error.is_refusal() {
        AskError::Refused(error)
    } else if error.was_acted_on() {
        AskError::NoAnswer(error)
    } else {
        AskError::NotSent(error)
    }
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
    refreshed: &Refreshed,
    now: UnixTime,
) -> Result<Credentials, VerifyError> {
    let mut parts = current.parts.clone();
    if parts.access_token.is_some() {
        parts.access_token = Some(refreshed.access_token.clone());
    }
    match &refreshed.id_token {
        None => parts.renewal = Renewal::NeedsPerson,
        Some(id_token) => renew(&mut parts, id_token, &refreshed.documents, now)?,
    }
    Ok(Credentials::mint(parts, now)?)
}

/// Makes the PK token that a refreshed ID token gives, and says what kind of renewal that is.
fn renew(
    parts: &mut Parts,
    id_token: &Secret,
    documents: &ProviderDocuments,
    now: UnixTime,
) -> Result<(), VerifyError> {
    let id_token = UnverifiedIdToken::parse(id_token.expose())?;
    let provider = &parts.provider;
    let client_ids = [provider.client_id.clone()];
    let expected = Expected {
        issuer: &provider.issuer,
        audience: Audience::OneOf(&client_ids),
    };
    let current = &parts.pk_token;
    let (cic, first) = (current.unverified_cic(), current.unverified_claims());
    let verified = verify_refreshed(id_token.clone(), first, cic, expected, &documents.keys, now)?;
    let nonce = id_token.unverified_claims().nonce();
    if nonce.is_some_and(|nonce| !nonce.is_empty()) {
        let pk_token = bind(&parts.key, cic, id_token);
        login::check(&pk_token, provider, documents, now)?;
        (parts.pk_token, parts.renewal) = (pk_token, Renewal::ByItself);
    } else {
        login::check_refreshed(verified.claims(), provider, now)?;
        parts.pk_token = current.clone().with_refreshed(id_token);
        parts.renewal = Renewal::OnRefreshedServers;
    }
    Ok(())
}
