//! What every flow has in common: it begins with a new user key, and ends with a PK token that
//! binds the provider's tokens to it.

use opkssh_protocol::cic::{ClientInstanceClaims, Commitment};
use opkssh_protocol::config::Provider;
use opkssh_protocol::control::{Event, KeyType};
use opkssh_protocol::id_token::{IdTokenError, UnverifiedIdToken};
use opkssh_protocol::pk_token::{PkTokenError, UnverifiedPkToken};
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::user_key::UserKey;
use tokio::sync::mpsc;

use super::check::check;
use super::context::Context;
use super::error::LoginError;
use super::last_page::Browser;
use super::progress::waiting;
use crate::accounts::mint::bind;
use crate::accounts::provider::{self, Http, OidcError, ProviderDocuments, Tokens};
use crate::failpoint;

/// The result of a login, verified.
pub struct LoggedIn {
    pub provider: Provider,
    pub key: UserKey,
    pub pk_token: UnverifiedPkToken,
    pub access_token: Secret,
    pub refresh_token: Option<Secret>,
    /// The provider's documents, fresh from the network.
    pub documents: ProviderDocuments,
    /// The browser that waits for its last page, if there is one.
    pub browser: Option<Browser>,
}

/// What every flow begins with.
pub(super) struct Begun {
    key: UserKey,
    cic: ClientInstanceClaims,
    pub documents: ProviderDocuments,
}

/// Fetches the provider's documents and makes a user key.
pub(super) async fn begin(
    http: &Http,
    provider: &Provider,
    key_type: KeyType,
    events: &mpsc::Sender<Event>,
) -> Result<Begun, LoginError> {
    waiting(events, "Asking the provider for its endpoints").await?;
    let documents = provider::discover(http, &provider.issuer).await?;
    failpoint::reached("login: documents fetched");
    let key = UserKey::generate(key_type).map_err(|_| LoginError::Random)?;
    let mut randomness = [0; 32];
    getrandom::fill(&mut randomness).map_err(|_| LoginError::Random)?;
    let cic = ClientInstanceClaims::new(&key.public_key(), key.algorithm(), randomness)?;
    Ok(Begun {
        key,
        cic,
        documents,
    })
}

impl Begun {
    /// Returns the nonce to send.
    pub fn commitment(&self) -> Commitment {
        self.cic.commitment()
    }

    /// Binds the ID token to the key and verifies the result. If that fails, revokes the refresh
    /// token, which nothing will use, unless the clock may be at fault or another account's token
    /// may belong to the same grant.
    pub async fn finish(
        self,
        http: &Http,
        provider: &Provider,
        tokens: Tokens,
        context: Context<'_>,
    ) -> Result<LoggedIn, LoginError> {
        match self.bind(provider, &tokens, (context.now)()) {
            Ok(pk_token) => Ok(LoggedIn {
                provider: provider.clone(),
                key: self.key,
                pk_token,
                access_token: tokens.access_token,
                refresh_token: tokens.refresh_token,
                documents: self.documents,
                browser: None,
            }),
            Err(error) => {
                if let Some(refresh_token) = &tokens.refresh_token
                    && !is_of_the_clock(&error)
                    && (context.may_revoke)(&provider.issuer, subject(&tokens).as_deref())
                {
                    let _ = provider::revoke(http, &self.documents, provider, refresh_token).await;
                }
                Err(error)
            }
        }
    }

    fn bind(
        &self,
        provider: &Provider,
        tokens: &Tokens,
        now: UnixTime,
    ) -> Result<UnverifiedPkToken, LoginError> {
        let id_token = tokens.id_token.as_deref().ok_or(OidcError::NoIdToken)?;
        let pk_token = bind(&self.key, &self.cic, UnverifiedIdToken::parse(id_token)?);
        check(&pk_token, provider, &self.documents, now)?;
        Ok(pk_token)
    }
}

/// Returns whose login the tokens claim to be.
fn subject(tokens: &Tokens) -> Option<String> {
    let id_token = UnverifiedIdToken::parse(tokens.id_token.as_deref()?).ok()?;
    Some(id_token.unverified_claims().sub().to_owned())
}

/// Returns true if a token was refused by the time of this machine.
fn is_of_the_clock(error: &LoginError) -> bool {
    matches!(
        error,
        LoginError::IdToken(IdTokenError::FromTheFuture { .. })
            | LoginError::PkToken(
                PkTokenError::IdToken(IdTokenError::FromTheFuture { .. })
                    | PkTokenError::Expiration(_)
            )
    )
}
