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
use super::select::{Ambiguous, find, find_to_leave, hint};
use super::store::{StoreError, StoreKind};

/// How long a logout is waited for: the store and the provider have limits of their own.
const TIMEOUT: Duration = Duration::from_secs(90);

/// How long a store may take to give an account, whose refresh token is to be revoked.
const STORE_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Debug, thiserror::Error)]
pub enum LogOutError {
    /// Nothing was changed: its refresh token could not be revoked.
    #[error("{account} stays logged in: {error}")]
    Kept { account: String, error: StoreError },
    #[error("{0} stays logged in: the agent is locked")]
    AgentLocked(String),
    /// It goes on when the store answers.
    #[error("the logout of {account} is not complete: {error}")]
    Incomplete { account: String, error: StoreError },
    #[error("there is no account {name}")]
    Unknown { name: String, known: Vec<String> },
    #[error(transparent)]
    Ambiguous(#[from] Ambiguous),
}

impl LogOutError {
    /// What the person can do about it.
    pub fn hint(&self) -> String {
        let or_forget = |unlock: &str, account: &str| {
            format!(
                "{unlock}; or forget the account, without revoking its refresh token: opkssh logout \
                 {account} --force"
            )
        };
        match self {
            Self::Kept { account, error } => match error.locked_part() {
                Some(_) => or_forget("unlock it: opkssh agent unlock", account),
                None => or_forget("unlock the keyring and log out again", account),
            },
            Self::AgentLocked(account) => or_forget("unlock it: opkssh agent unlock", account),
            Self::Incomplete { account, error } => error
                .hint()
                .unwrap_or_else(|| format!("log out again: opkssh logout {account}")),
            Self::Unknown { known, .. } if known.is_empty() => {
                "show the accounts: opkssh status".to_owned()
            }
            Self::Unknown { known, .. } => hint(known, "opkssh logout "),
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
    /// Logs out of the accounts that `which` names, and returns the failures of others. Fails if
    /// there is only one failure and nothing else.
    ///
    /// An account is kept if its refresh token cannot be revoked because the agent or its store is
    /// locked, unless `force` is given.
    pub async fn log_out(
        &self,
        which: &WhichAccount,
        force: bool,
    ) -> Result<(Vec<LoggedOut>, Vec<LogOutError>), LogOutError> {
        let mut leaving: Vec<Left> = {
            let published = self.owner.now();
            let found = find_to_leave(&published.facts, which)?;
            if let (WhichAccount::Named(name), []) = (which, &found[..]) {
                let accounts = find(&published.facts, &WhichAccount::All).into_iter();
                return Err(LogOutError::Unknown {
                    name: name.clone(),
                    known: accounts.map(|account| account.name.clone()).collect(),
                });
            }
            found.into_iter().map(Left::of).collect()
        };
        leaving.sort_by(|one, other| one.name.cmp(&other.name));
        if !force {
            let mut away = Vec::new();
            for (account, store) in leaving.iter().filter_map(|it| Some((it, it.from?))) {
                // a person waits: it is asked at once, whatever it said before
                self.owner.apply(Event::StoreUnlocked(store)).await;
                away.push(account.name.clone());
            }
            self.owner.want(&away, STORE_TIMEOUT).await;
        }
        let mut outcomes = Vec::new();
        let mut begun = Vec::new();
        for account in leaving {
            match self.why_kept(&account.name) {
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
            outcomes.push(outcome.unwrap_or(Err(LogOutError::Incomplete {
                account: account.name,
                error: StoreError::TimedOut,
            })));
        }
        if outcomes.len() == 1
            && let Some(Err(error)) = outcomes.pop_if(|outcome| outcome.is_err())
        {
            return Err(error);
        }
        let (mut logged_out, mut failures) = (Vec::new(), Vec::new());
        for outcome in outcomes {
            match outcome {
                Ok(account) => logged_out.push(account),
                Err(error) => failures.push(error),
            }
        }
        Ok((logged_out, failures))
    }

    /// Returns why the account's refresh token cannot be revoked now, if something is locked.
    fn why_kept(&self, name: &str) -> Option<LogOutError> {
        let published = self.owner.now();
        let agent = &published.facts.agent;
        let account = published.account(name)?;
        // it is on its way out already, and says what it waits for
        if account.leaving != Leaving::No {
            return None;
        }
        if agent.lock.hides() {
            return Some(LogOutError::AgentLocked(name.to_owned()));
        }
        let store = account.store.filter(|_| is_away(account))?;
        let closed = agent.closed_store(account);
        let error = self.stores.is_open(store).err();
        let error = error.or_else(|| closed.and(published.closed_store_error(account).cloned()))?;
        Some(LogOutError::Kept {
            account: name.to_owned(),
            error,
        })
    }
}

impl Left {
    fn of(account: &AccountFacts) -> Self {
        Self {
            name: account.name.clone(),
            login: account.login,
            issuer: account.person.issuer.clone(),
            from: account.store.filter(|_| is_away(account)),
        }
    }

    fn ended(&self, revocation: String, not_revoked: bool) -> Result<LoggedOut, LogOutError> {
        Ok(LoggedOut {
            alias: self.name.clone(),
            issuer: self.issuer.clone(),
            revocation,
            not_revoked,
        })
    }
}

fn is_away(account: &AccountFacts) -> bool {
    matches!(account.memory, Memory::Nothing)
}

/// Returns how a logout ended, or why it goes on later; `None`: not yet.
fn outcome(published: &Published, left: &Left) -> Option<Result<LoggedOut, LogOutError>> {
    if let Some(logout) = published.reasons.logout_of(&left.name, left.login) {
        return Some(left.ended(logout.revocation.clone(), logout.not_revoked));
    }
    let account = published.account(&left.name);
    let Some(account) = account.filter(|one| one.leaving != Leaving::No) else {
        // somebody else logged out, or in anew, meanwhile
        return Some(left.ended("it was logged out already".to_owned(), false));
    };
    let error = published.last_error(account)?;
    if account.in_flight.is_some() || published.is_store_busy(account) {
        return None;
    }
    Some(match account.leaving {
        Leaving::Revoked(revocation) if account.is_given_up => {
            let words = published.reasons.revocation(&left.name, revocation);
            let place = account.store.map_or("memory", StoreKind::place);
            let rest = format!("{words}; {place} still has it, until it can be deleted there");
            left.ended(rest, revocation.is_failure())
        }
        _ => Err(LogOutError::Incomplete {
            account: left.name.clone(),
            error: error.clone(),
        }),
    })
}
