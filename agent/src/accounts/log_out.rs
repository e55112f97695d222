//! Logout: the provider forgets the refresh token, and so do we.
//!
//! The lifecycle takes its steps, over crashes and silent stores. Here is who leaves, and who waits
//! for it.

use std::time::Duration;

use opkssh_protocol::control::{LoggedOut, WhichAccount};

use super::Accounts;
use super::lifecycle::{Event, Leaving, Memory};
use super::material::AccountFacts;
use super::owner::Published;
use super::select::{Ambiguous, find_to_leave};
use super::store::{StoreError, StoreKind};

/// How long a logout is waited for: the store and the provider have limits of their own.
const TIMEOUT: Duration = Duration::from_secs(90);

#[derive(Debug, thiserror::Error)]
pub enum LogOutError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ambiguous(#[from] Ambiguous),
}

impl LogOutError {
    /// What the person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Store(
                StoreError::Unavailable(_)
                | StoreError::Broken(_)
                | StoreError::Locked
                | StoreError::PromptDismissed
                | StoreError::Busy
                | StoreError::TimedOut,
            ) => "unlock the keyring and log out again: opkssh logout".to_owned(),
            Self::Store(StoreError::FileLocked) => {
                "unlock it: opkssh agent unlock; or forget the account, without revoking its refresh \
                 token: opkssh logout --force"
                    .to_owned()
            }
            Self::Store(error) => error
                .hint()
                .unwrap_or_else(|| "log out again: opkssh logout".to_owned()),
            Self::Ambiguous(error) => error.hint("opkssh logout "),
        }
    }
}

/// An account that leaves.
struct Left {
    name: String,
    login: i64,
    issuer: String,
    /// Its store, if the account has to come from there first.
    from: Option<StoreKind>,
}

impl Accounts {
    /// Logs out of the accounts that `which` names. Can be repeated: what is gone stays gone. All
    /// are tried; the first failure is reported when all were.
    ///
    /// An account in a store that is known to be locked is kept, as its refresh token could not be
    /// revoked, unless `force` is given.
    pub async fn log_out(
        &self,
        which: &WhichAccount,
        force: bool,
    ) -> Result<Vec<LoggedOut>, LogOutError> {
        let mut leaving: Vec<Left> = {
            let published = self.owner.now();
            let found = find_to_leave(&published.facts, which)?;
            found.into_iter().map(Left::of).collect()
        };
        leaving.sort_by(|one, other| one.name.cmp(&other.name));
        let mut outcomes = Vec::new();
        let mut begun = Vec::new();
        for account in leaving {
            let locked = account
                .from
                .and_then(|store| self.stores.is_open(store).err());
            match locked {
                Some(error) if !force => outcomes.push(Err(error)),
                _ => begun.push(account),
            }
        }
        for account in &begun {
            let name = account.name.clone();
            let event = Event::LogoutRequested { name, force };
            self.owner.apply(event).await;
        }
        for account in begun {
            let over = |published: &Published| outcome(published, &account);
            let outcome = self.owner.wait_for(TIMEOUT, over).await;
            let outcome = outcome.unwrap_or(Err(StoreError::TimedOut));
            outcomes.push(outcome.map(|revocation| LoggedOut {
                alias: account.name,
                issuer: account.issuer,
                revocation,
            }));
        }
        let outcomes: Result<_, StoreError> = outcomes.into_iter().collect();
        Ok(outcomes?)
    }
}

impl Left {
    fn of(account: &AccountFacts) -> Self {
        let is_away = matches!(account.memory, Memory::Nothing);
        Self {
            name: account.name.clone(),
            login: account.login,
            issuer: account.person.issuer.clone(),
            from: account.store.filter(|_| is_away),
        }
    }
}

/// Returns how a logout ended, or why it goes on later; `None`: not yet.
fn outcome(published: &Published, left: &Left) -> Option<Result<String, StoreError>> {
    if let Some(logout) = published.reasons.logout_of(&left.name, left.login) {
        return Some(Ok(logout.revocation.clone()));
    }
    let account = published.account(&left.name);
    let Some(account) = account.filter(|one| one.leaving != Leaving::No) else {
        // somebody else logged out, or in anew, meanwhile
        return Some(Ok("it was logged out already".to_owned()));
    };
    let error = published.last_error(account)?;
    (account.in_flight.is_none() && !published.is_store_busy(account)).then(|| Err(error.clone()))
}
