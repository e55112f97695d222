//! What stores, files and providers said last, in words. The lifecycle goes by what kind of failure
//! it was; a person also wants to read which.

use std::collections::{BTreeMap, VecDeque};

use crate::accounts::lifecycle::{Event, Outcome, RefreshFailure, Revocation};
use crate::accounts::material::Real;
use crate::accounts::store::StoreError;
use crate::accounts::store::password::PasswordError;

/// A logout that is over.
#[derive(Clone)]
pub struct LoggedOutAccount {
    pub name: String,
    pub login: i64,
    /// What became of the refresh token at the provider, in words.
    pub revocation: String,
}

/// Logouts that are remembered for whoever waits for them.
const MOST_LOGOUTS: usize = 100;

#[derive(Clone, Default)]
pub struct Said {
    accounts: BTreeMap<String, Words>,
    logged_out: VecDeque<LoggedOutAccount>,
    /// Why the last lock failed.
    lock: Option<PasswordError>,
}

#[derive(Clone, Default)]
struct Words {
    store: Option<StoreError>,
    /// Why the store's item is of no use.
    item: Option<String>,
    index: Option<StoreError>,
    refresh: Option<String>,
    revocation: Option<String>,
}

/// What an action that failed was told.
pub enum Heard {
    Nothing,
    Store(StoreError),
    Item(String),
    Index(StoreError),
    Refresh(String),
    Revocation(String),
    SealFile(PasswordError),
}

impl Heard {
    pub fn item<T>(item: Result<T, String>) -> (Option<T>, Self) {
        match item {
            Ok(item) => (Some(item), Self::Nothing),
            Err(reason) => (None, Self::Item(reason)),
        }
    }

    pub fn refresh<T>(verified: Result<T, impl ToString>) -> (Option<T>, Self) {
        match verified {
            Ok(verified) => (Some(verified), Self::Nothing),
            Err(error) => (None, Self::Refresh(error.to_string())),
        }
    }

    pub fn index(error: Option<StoreError>) -> Self {
        error.map_or(Self::Nothing, Self::Index)
    }

    pub fn file(error: Option<PasswordError>) -> Self {
        error.map_or(Self::Nothing, Self::SealFile)
    }
}

impl Said {
    /// Notes what was heard at the end of an action; what succeeded has nothing to say any more.
    pub fn note(&mut self, event: &Event<Real>, heard: Heard) {
        let Event::Ended(name, outcome) = event else {
            if matches!(event, Event::SealFileWritten(_)) {
                self.lock = match heard {
                    Heard::SealFile(error) => Some(error),
                    _ => None,
                };
            }
            return;
        };
        let words = self.accounts.entry(name.clone()).or_default();
        match outcome {
            Outcome::Loaded(_)
            | Outcome::SealedInStore(_)
            | Outcome::Saved(_)
            | Outcome::Deleted(_) => (words.store, words.item) = (None, None),
            Outcome::IndexWritten(_) => words.index = None,
            Outcome::Verified(_) => words.refresh = None,
            Outcome::Sealed(_) | Outcome::Unsealed(_) | Outcome::Asked(_) | Outcome::Revoked(_) => {
            }
        }
        if let Heard::Store(error) | Heard::Index(error) = &heard {
            tracing::warn!(account = name, "{error}");
        }
        match heard {
            Heard::Store(error) => words.store = Some(error),
            Heard::Item(reason) => words.item = Some(reason),
            Heard::Index(error) => words.index = Some(error),
            Heard::Refresh(reason) => words.refresh = Some(reason),
            Heard::Revocation(reason) => words.revocation = Some(reason),
            Heard::Nothing | Heard::SealFile(_) => {}
        }
    }

    /// A login begins a new life under this name. What its store said goes on counting.
    pub fn forget(&mut self, name: &str) {
        if let Some(words) = self.accounts.get_mut(name) {
            (words.refresh, words.revocation) = (None, None);
        }
    }

    pub fn logged_out(&mut self, name: String, login: i64, revocation: String) {
        self.accounts.remove(&name);
        self.logged_out.push_back(LoggedOutAccount {
            name,
            login,
            revocation,
        });
        if self.logged_out.len() > MOST_LOGOUTS {
            self.logged_out.pop_front();
        }
    }

    /// Returns the logout of this login, if it is over.
    pub fn logout_of(&self, name: &str, login: i64) -> Option<&LoggedOutAccount> {
        let mut logouts = self.logged_out.iter();
        // a load may have shown that the login was a later one
        logouts.find(|one| one.name == name && one.login >= login)
    }

    pub fn lock(&self) -> Option<&PasswordError> {
        self.lock.as_ref()
    }

    pub fn store(&self, name: &str) -> Option<&StoreError> {
        self.accounts.get(name)?.store.as_ref()
    }

    pub fn item(&self, name: &str) -> Option<&str> {
        self.accounts.get(name)?.item.as_deref()
    }

    pub fn index(&self, name: &str) -> Option<&StoreError> {
        self.accounts.get(name)?.index.as_ref()
    }

    /// Returns why a refresh failed.
    pub fn refresh(&self, name: &str, failure: RefreshFailure) -> String {
        let heard = self
            .accounts
            .get(name)
            .and_then(|words| words.refresh.clone());
        match failure {
            RefreshFailure::AnswerLost => {
                "an earlier renewal's answer never arrived, and the refresh token is spent"
                    .to_owned()
            }
            RefreshFailure::NotNewer => {
                "the refreshed ID token is no newer than the last".to_owned()
            }
            RefreshFailure::NotSent => heard.unwrap_or("the provider was not asked".to_owned()),
            RefreshFailure::NoAnswer => heard.unwrap_or("the provider did not answer".to_owned()),
            RefreshFailure::Refused | RefreshFailure::InvalidGrant => {
                heard.unwrap_or("the provider has refused".to_owned())
            }
            RefreshFailure::NotVerified => {
                heard.unwrap_or("the provider's answer does not verify".to_owned())
            }
        }
    }

    /// Returns what became of the refresh token at the provider.
    pub fn revocation(&self, name: &str, revocation: Revocation) -> String {
        let heard = || {
            self.accounts
                .get(name)
                .and_then(|words| words.revocation.clone())
        };
        match revocation {
            Revocation::Revoked => "refresh token revoked at the provider".to_owned(),
            Revocation::NotOffered => "the provider has no revocation endpoint".to_owned(),
            Revocation::NoRefreshToken => "there was no refresh token to revoke".to_owned(),
            Revocation::Locked => {
                "refresh token not revoked: it is sealed, the agent is locked".to_owned()
            }
            Revocation::NotRead => "refresh token not revoked: it could not be read".to_owned(),
            Revocation::Failed => format!(
                "refresh token not revoked: {}",
                heard().unwrap_or("the provider was not asked".to_owned())
            ),
        }
    }
}
