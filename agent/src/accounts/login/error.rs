//! Why a login failed.

use std::time::Duration;

use opkssh_protocol::cic::CicError;
use opkssh_protocol::control::Failure;
use opkssh_protocol::id_token::IdTokenError;
use opkssh_protocol::pk_token::PkTokenError;
use opkssh_protocol::printable::quoted;
use opkssh_protocol::time::UnixTime;

use crate::accounts::provider::OidcError;

/// How long we wait for a person in the browser.
pub(super) const BROWSER_TIMEOUT: Duration = Duration::from_secs(10 * 60);

#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error("no provider to log in at")]
    NoProvider,
    #[error("there are {0} providers, and no browser to choose in")]
    SeveralProviders(usize),
    #[error(
        "redirect URI {0:?} must be http://localhost:PORT/PATH, http://127.0.0.1:PORT/PATH or \
         http://[::1]:PORT/PATH, with a PORT other than 80"
    )]
    NotLoopback(String),
    #[error("all of the redirect ports are busy: {0}")]
    AllBusy(String),
    #[error("no loopback listener: {0}")]
    Listen(#[from] std::io::Error),
    #[error(transparent)]
    Oidc(#[from] OidcError),
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
    #[error("nobody finished the login within {} seconds", .0.as_secs())]
    NobodyCame(Duration),
    #[error("no randomness")]
    Random(#[from] getrandom::Error),
    #[error(transparent)]
    Cic(#[from] CicError),
    #[error(transparent)]
    IdToken(#[from] IdTokenError),
    #[error(transparent)]
    PkToken(#[from] PkTokenError),
    /// Of a token that has just been issued.
    #[error("{error}, now {now}: a clock is wrong")]
    Outdated { error: PkTokenError, now: UnixTime },
    #[error("ID token: authorized party {} is not our client", quoted(.0))]
    AuthorizedParty(String),
    #[error(
        "{0} leaves the nonce out of the ID token in the device flow, so nothing ties the token to \
         your key and no server would accept it"
    )]
    NoNonceInDeviceFlow(String),
}

impl From<LoginError> for Failure {
    /// Without a hint: no provider was chosen yet.
    fn from(error: LoginError) -> Self {
        Self {
            message: error.to_string(),
            ..Self::default()
        }
    }
}

/// Returns random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
