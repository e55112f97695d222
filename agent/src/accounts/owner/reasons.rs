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
    /// The provider still takes it, as far as is known.
    pub not_revoked: bool,
}

/// Logouts that are remembered for whoever waits for them.
const MOST_LOGOUTS: usize = 100;

#[derive(Clone, Default)]
pub struct Reasons {
    accounts: BTreeMap<String, AccountReasons>,
    logged_out: VecDeque<LoggedOutAccount>,
    /// Why the last lock failed.
    pub lock: Option<PasswordError>,
}

#[derive(Clone, Default)]
pub struct AccountReasons {
    pub store: Option<StoreError>,
    /// Why the store's item is of no use.
    pub item: Option<String>,
    pub index: Option<StoreError>,
    refresh: Option<String>,
    revocation: Option<String>,
}

/// Why an action failed.
pub enum Reason {
    Store(StoreError),
    Item(String),
    Index(StoreError),
    Refresh(String),
    Revocation(String),
    SealFile(PasswordError),
}

impl Reasons {
    /// Notes why an action failed; what succeeded has nothing to say any more.
    pub fn note(&mut self, event: &Event<Real>, reason: Option<Reason>) {
        let Event::Ended(name, outcome) = event else {
            if matches!(event, Event::SealFileWritten(_)) {
                self.lock = match reason {
                    Some(Reason::SealFile(error)) => Some(error),
                    _ => None,
                };
            }
            return;
        };
        let account = self.accounts.entry(name.clone()).or_default();
        match outcome {
            Outcome::Loaded(_)
            | Outcome::SealedInStore(_)
            | Outcome::Saved(_)
            | Outcome::Deleted(_) => (account.store, account.item) = (None, None),
            Outcome::IndexWritten(_) => account.index = None,
            Outcome::Verified(_) => account.refresh = None,
            Outcome::Sealed(_)
            | Outcome::Unsealed(_)
            | Outcome::Refreshed(_)
            | Outcome::Revoked(_) => {}
        }
        if let Some(Reason::Store(error) | Reason::Index(error)) = &reason {
            tracing::warn!(account = name, "{error}");
        }
        match reason {
            Some(Reason::Store(error)) => account.store = Some(error),
            Some(Reason::Item(reason)) => account.item = Some(reason),
            Some(Reason::Index(error)) => account.index = Some(error),
            Some(Reason::Refresh(reason)) => account.refresh = Some(reason),
            Some(Reason::Revocation(reason)) => account.revocation = Some(reason),
            Some(Reason::SealFile(_)) | None => {}
        }
    }

    /// Returns what is known of an account.
    pub fn account(&self, name: &str) -> Option<&AccountReasons> {
        self.accounts.get(name)
    }

    /// A login begins a new life under this name. What its store said goes on counting.
    pub fn forget(&mut self, name: &str) {
        if let Some(account) = self.accounts.get_mut(name) {
            (account.refresh, account.revocation) = (None, None);
        }
    }

    /// Notes a logout that is over, and returns what became of the refresh token.
    pub fn logged_out(&mut self, name: String, login: i64, revocation: Revocation) -> String {
        let not_revoked = revocation.is_failure();
        let revocation = self.revocation(&name, revocation);
        let words = revocation.clone();
        self.accounts.remove(&name);
        self.logged_out.push_back(LoggedOutAccount {
            name,
            login,
            revocation,
            not_revoked,
        });
        if self.logged_out.len() > MOST_LOGOUTS {
            self.logged_out.pop_front();
        }
        words
    }

    /// Returns the logout of this login, if it is over.
    pub fn logout_of(&self, name: &str, login: i64) -> Option<&LoggedOutAccount> {
        let mut logouts = self.logged_out.iter();
        // a load may have shown that the login was a later one
        logouts.find(|one| one.name == name && one.login >= login)
    }

    /// Returns why a refresh failed.
    pub fn refresh(&self, name: &str, failure: RefreshFailure) -> String {
        let reason = match failure {
            RefreshFailure::AnswerLost | RefreshFailure::NotNewer => None,
            _ => self.account(name).and_then(|one| one.refresh.clone()),
        };
        let unsaid = match failure {
            RefreshFailure::AnswerLost => {
                "an earlier renewal's answer never arrived, and the refresh token is spent"
            }
            RefreshFailure::NotNewer => "the refreshed ID token is no newer than the last",
            RefreshFailure::NotSent => "the provider was not asked",
            RefreshFailure::NoAnswer => "the provider did not answer",
            RefreshFailure::Refused | RefreshFailure::InvalidGrant => "the provider has refused",
            RefreshFailure::NotVerified => "the provider's answer does not verify",
        };
        reason.unwrap_or(unsaid.to_owned())
    }

    /// Returns what became of the refresh token at the provider.
    pub fn revocation(&self, name: &str, revocation: Revocation) -> String {
        let not_revoked = match revocation {
            Revocation::Revoked => return "refresh token revoked at the provider".to_owned(),
            Revocation::NotOffered => return "the provider has no revocation endpoint".to_owned(),
            Revocation::NoRefreshToken => {
                return "there was no refresh token to revoke".to_owned();
            }
            Revocation::Locked => "it is sealed, the agent is locked",
            Revocation::NotRead => "it could not be read",
            Revocation::Failed => {
                let reason = self.account(name).and_then(|one| one.revocation.as_deref());
                reason.unwrap_or("the provider was not asked")
            }
        };
        format!("refresh token not revoked: {not_revoked}")
    }
}
