//! Why a login failed.

use std::time::Duration;

use opkssh_protocol::cic::CicError;
use opkssh_protocol::id_token::IdTokenError;
use opkssh_protocol::pk_token::PkTokenError;
use opkssh_protocol::printable::quoted;

use crate::accounts::provider::OidcError;

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

/// A login that failed, and what the person can do about it.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct LoginFailure {
    pub error: LoginError,
    pub hint: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum LoopbackError {
    #[error(
        "redirect URI {0:?} must be http://localhost:PORT/PATH, http://127.0.0.1:PORT/PATH or \
         http://[::1]:PORT/PATH, with a PORT other than 80"
    )]
    NotLoopback(String),
    #[error("all of the redirect ports are busy: {0}")]
    AllBusy(String),
    #[error("no loopback listener: {0}")]
    Listen(#[from] std::io::Error),
}
