//! Why a login did not become an account.

use opkssh_protocol::certificate::MintError;
use opkssh_protocol::control::{Failure, LockedPart};

use super::account_for_login::OtherPerson;
use super::locked;
use super::owner::NotTaken;
use super::select::Ambiguous;
use super::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum LogInError {
    #[error("{}", .0.message)]
    Login(Failure),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the new certificate: {0}")]
    Mint(#[from] MintError),
    #[error("{0} is not logged in")]
    Unknown(String),
    #[error(transparent)]
    OtherPerson(#[from] OtherPerson),
    #[error(transparent)]
    Ambiguous(#[from] Ambiguous),
    #[error("the login that was under way is the account {got}'s, not {asked}'s")]
    Elsewhere { asked: String, got: String },
    #[error("the login was interrupted")]
    Interrupted,
    #[error("{}", locked::words(*.0))]
    Locked(LockedPart),
}

impl LogInError {
    /// What the person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Login(failure) => failure.hint.clone(),
            Self::Store(error @ (StoreError::FileLocked | StoreError::FileNew)) => error.hint(),
            Self::Store(StoreError::Index(_)) => {
                Some("a login could not be noted there; free space, or make it writable".to_owned())
            }
            Self::Store(StoreError::File(_) | StoreError::Seal(_)) => None,
            Self::Store(_) => Some(
                "unlock the keyring and log in again; without a keyring, start the agent with: \
                 opkssh agent restart --store memory"
                    .to_owned(),
            ),
            Self::OtherPerson(error) => Some(error.hint.clone()),
            Self::Ambiguous(error) => Some(error.hint("opkssh login ")),
            Self::Elsewhere { asked: alias, .. } | Self::Unknown(alias) => {
                Some(format!("log in: opkssh login {alias}"))
            }
            Self::Locked(_) => Some("unlock it: opkssh agent unlock".to_owned()),
            Self::Mint(_) | Self::Interrupted => None,
        }
    }

    /// What a person has to unlock first.
    pub fn locked_part(&self) -> Option<LockedPart> {
        match self {
            Self::Locked(part) => Some(*part),
            Self::Store(error) => error.locked_part(),
            _ => None,
        }
    }
}

impl From<NotTaken> for LogInError {
    fn from(refused: NotTaken) -> Self {
        match refused {
            NotTaken::Locked => Self::Locked(LockedPart::Agent),
            NotTaken::OtherPerson(error) => Self::OtherPerson(error),
            NotTaken::Ending => Self::Interrupted,
        }
    }
}
