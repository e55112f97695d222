//! Where a login happens: a new user key, a person at the provider, the provider's tokens, a
//! verified PK token.

use std::time::Duration;

use opkssh_protocol::cic::{CicError, ClientInstanceClaims, Commitment};
use opkssh_protocol::config::Provider;
use opkssh_protocol::control::{Event, Flow, KeyType, LoginRequest};
use opkssh_protocol::id_token::{Claims, IdTokenError, UnverifiedIdToken};
use opkssh_protocol::pk_token::{
    self, ExpirationPolicy, PkTokenError, TokenTimes, TrustedProvider, UnverifiedPkToken,
};
use opkssh_protocol::printable::quoted;
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::user_key::UserKey;
use tokio::sync::mpsc;

use super::awaited::Awaited;
use super::browser::{self, Browser};
use super::device;
use super::loopback::LoopbackError;
use super::mint::bind;
use super::oidc::{self, Http, OidcError, ProviderDocuments, Tokens};
use crate::failpoint;

/// How long we wait for a person in the browser.
pub(super) const PATIENCE: Duration = Duration::from_secs(10 * 60);

#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error(transparent)]
    Oidc(#[from] OidcError),
    #[error(transparent)]
    Loopback(#[from] LoopbackError),
    #[error("the provider needs you: {0}")]
    NeedsPerson(OidcError),
    #[error("the login page came back without a code")]
    NoCode,
    #[error(
        "the login page came back from another provider: its iss is {got:?}, expected {expected}"
    )]
    OtherIssuer { got: String, expected: String },
    #[error("the login page came back without an iss, and {0} announces that it always sends one")]
    NoIssuer(String),
    #[error("nobody finished the login in the browser within {} minutes", PATIENCE.as_secs() / 60)]
    NobodyCame,
    #[error("the login was cancelled")]
    Cancelled,
    #[error(transparent)]
    IdToken(#[from] IdTokenError),
    #[error(transparent)]
    PkToken(#[from] PkTokenError),
    #[error("ID token: authorized party {} is not our client", quoted(.0))]
    AuthorizedParty(String),
    #[error("there are {0} providers, and no browser to choose in")]
    SeveralProviders(usize),
    #[error("nobody finished the login before its code expired")]
    CodeExpired,
    #[error(
        "{0} leaves the nonce out of the ID token in the device flow, so nothing ties the token to \
         your key and no server would accept it"
    )]
    NoNonceInDeviceFlow(String),
    #[error("no provider to log in at")]
    NoProvider,
    #[error(transparent)]
    Cic(#[from] CicError),
    #[error("no randomness")]
    Random,
}

/// What a login leaves behind, verified.
pub struct LoggedIn {
    pub provider: Provider,
    pub key: UserKey,
    pub pk_token: UnverifiedPkToken,
    pub access_token: Secret,
    pub refresh_token: Option<Secret>,
    /// The provider's documents, fresh from the network.
    pub documents: ProviderDocuments,
    /// The browser that waits for a last word, where there is one.
    pub browser: Option<Browser>,
}

/// What a login is told by its caller.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub now: &'a (dyn Fn() -> UnixTime + Sync),
    /// Returns true if no account shares a grant with this issuer and subject, so that a refused
    /// login's refresh token can be revoked.
    pub may_revoke: &'a (dyn Fn(&str, Option<&str>) -> bool + Sync),
}

/// A login that failed, and what the person can do about it.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct LoginFailure {
    pub error: LoginError,
    pub hint: Option<String>,
}

/// Logs in at one of the request's providers. `events` are told what to show, `awaited` where an
/// answer can be brought; dropping the future cancels the login and closes its port.
pub async fn log_in(
    http: &Http,
    request: &LoginRequest,
    awaited: &Awaited,
    events: &mpsc::Sender<Event>,
    context: Context<'_>,
) -> Result<LoggedIn, LoginFailure> {
    match request.flow {
        Flow::Browser => browser::log_in(http, request, awaited, events, context).await,
        Flow::Device => device::log_in(http, request, events, context).await,
    }
}

/// What every flow begins with.
pub(super) struct Begun {
    key: UserKey,
    cic: ClientInstanceClaims,
    pub documents: ProviderDocuments,
}

pub(super) async fn begin(
    http: &Http,
    provider: &Provider,
    key_type: KeyType,
    events: &mpsc::Sender<Event>,
) -> Result<Begun, LoginError> {
    waiting(events, "Asking the provider for its endpoints").await?;
    let documents = oidc::discover(http, &provider.issuer).await?;
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
    /// The nonce to send.
    pub fn commitment(&self) -> Commitment {
        self.cic.commitment()
    }

    /// Binds the ID token to the key and verifies the result. If that fails, revokes the refresh
    /// token, which nothing will use, unless the clock may be at fault or another account's token
    /// may belong to the same grant.
    pub async fn bound(
        &self,
        http: &Http,
        provider: &Provider,
        tokens: &Tokens,
        context: Context<'_>,
    ) -> Result<UnverifiedPkToken, LoginError> {
        let bound = self.try_bind(provider, tokens, (context.now)());
        if let (Err(error), Some(refresh_token)) = (&bound, &tokens.refresh_token)
            && !is_of_the_clock(error)
            && (context.may_revoke)(&provider.issuer, subject(tokens).as_deref())
        {
            let _ = oidc::revoke(http, &self.documents, provider, refresh_token).await;
        }
        bound
    }

    fn try_bind(
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

    /// `pk_token` is what [`Begun::bound`] gave for these tokens.
    pub fn done(
        self,
        provider: &Provider,
        pk_token: UnverifiedPkToken,
        tokens: Tokens,
        browser: Option<Browser>,
    ) -> LoggedIn {
        LoggedIn {
            provider: provider.clone(),
            key: self.key,
            pk_token,
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            documents: self.documents,
            browser,
        }
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

/// What the person can do about a failed login.
pub(super) fn hint(
    error: &LoginError,
    provider: &Provider,
    request: &LoginRequest,
) -> Option<String> {
    plain_hint(error, provider).map(|hint| with_words(&hint, provider, request))
}

/// A hint that names the provider, with the words in its place that begin this login again.
pub(super) fn with_words(hint: &str, provider: &Provider, request: &LoginRequest) -> String {
    let name = provider.name();
    let words = match &request.account {
        // also where the configuration has no such provider, or no longer
        Some(account) if request.again => account.to_string(),
        Some(account) if account.as_str() != name => format!("{} --as {account}", typed(provider)),
        _ => typed(provider),
    };
    let mut said = hint.to_owned();
    for command in ["opkssh login ", "opkssh login --device "] {
        said = said.replace(&format!("{command}{name}"), &format!("{command}{words}"));
    }
    said
}

/// The provider as the person names it on the command line.
pub(super) fn typed(provider: &Provider) -> String {
    match provider.aliases.first() {
        Some(alias) => alias.clone(),
        None => format!("--provider {},{}", provider.issuer, provider.client_id),
    }
}

fn plain_hint(error: &LoginError, provider: &Provider) -> Option<String> {
    match error {
        LoginError::Oidc(error) => oidc::explain(error, provider),
        LoginError::Loopback(LoopbackError::AllBusy(_)) => {
            Some("end the other login, or free one of these ports".to_owned())
        }
        LoginError::PkToken(PkTokenError::NoCommitment(_) | PkTokenError::Commitment { .. }) => {
            Some(
                "the provider must return the nonce it was sent; this one cannot be used"
                    .to_owned(),
            )
        }
        LoginError::PkToken(PkTokenError::IdToken(IdTokenError::FromTheFuture { .. })) => {
            Some("set the clock of this machine".to_owned())
        }
        LoginError::NoNonceInDeviceFlow(_) => Some(format!(
            "log in with a browser: opkssh login {}",
            provider.name()
        )),
        LoginError::CodeExpired => Some(format!(
            "log in again: opkssh login --device {}",
            provider.name()
        )),
        LoginError::Loopback(LoopbackError::NotLoopback(_)) => {
            Some("correct `redirect_uris:` in the client configuration".to_owned())
        }
        LoginError::OtherIssuer { .. } => Some(format!(
            "its code was not used. Where this happens again, remove {} from the client \
             configuration: a provider that sends your browser to another one can get logins of \
             yours there",
            provider.name()
        )),
        LoginError::NoIssuer(_) => Some(format!(
            "log in again: opkssh login {}; where the address is pasted, the whole of it is needed",
            provider.name()
        )),
        LoginError::NoCode | LoginError::NobodyCame | LoginError::NeedsPerson(_) => {
            Some(format!("log in again: opkssh login {}", provider.name()))
        }
        _ => None,
    }
}

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

pub(super) async fn waiting(events: &mpsc::Sender<Event>, what: &str) -> Result<(), LoginError> {
    tell(
        events,
        Event::Waiting {
            what: what.to_owned(),
        },
    )
    .await
}

/// Nobody listens any more: the client went away.
pub(super) async fn tell(events: &mpsc::Sender<Event>, event: Event) -> Result<(), LoginError> {
    events.send(event).await.map_err(|_| LoginError::Cancelled)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The words behind "opkssh login" in the hint of a login that nobody finished in time.
    fn said(alias: &str, account: Option<&str>, again: bool, device: bool) -> String {
        let aliases: Vec<_> = alias.split_whitespace().collect();
        let request = json!({"providers": [{
            "aliases": aliases, "issuer": "https://id.example.com", "client_id": "client",
            "client_secret": "secret", "scopes": [], "access_type": "", "prompt": "",
            "redirect_uris": [], "send_access_token": false,
        }], "account": account});
        let mut request: LoginRequest = serde_json::from_value(request).unwrap();
        request.again = again;
        let error = match device {
            true => LoginError::CodeExpired,
            false => LoginError::NobodyCame,
        };
        let hint = hint(&error, &request.providers[0], &request).unwrap();
        let (_, words) = hint.split_once("opkssh login ").unwrap();
        words.to_owned()
    }

    #[test]
    fn hints_name_what_can_be_typed() {
        let typed = "--provider https://id.example.com,client";
        let named = format!("{typed} --as mine");
        for (alias, account, again, words) in [
            ("work", None, false, "work"),
            ("work", Some("work"), false, "work"),
            ("work", Some("mine"), false, "work --as mine"),
            ("work", Some("mine"), true, "mine"),
            ("", None, false, typed),
            ("", Some("mine"), false, &named),
            ("", Some("mine"), true, "mine"),
        ] {
            assert_eq!(said(alias, account, again, false), words);
            let device = format!("--device {words}");
            assert_eq!(said(alias, account, again, true), device);
        }
    }
}
