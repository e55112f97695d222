//! Making an account usable without a person, or saying why that cannot be.

use std::time::{Duration, Instant};

use opkssh_protocol::control::{AccountStatus, LockedPart, WhichAccount};
use opkssh_protocol::time::UnixTime;

use super::lifecycle::{Hidden, REQUEST_LIMIT, RefreshFailure, Stage};
use super::material::AccountFacts;
use super::owner::{Published, visibility};
use super::select::{find, find_one};
use super::store::{StoreKind, Stores};
use super::{Accounts, locked, status};
use crate::serving::source::Visibility;

/// How long a store may take to give an account back.
const STORE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long that and a renewal may take, with all that is stored before and after it. A script waits
/// for the answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Why an account cannot be used without a person.
pub enum EnsureError {
    /// Only a login helps. The account's name, if there is such an account.
    LoginNeeded {
        account: Option<String>,
        reason: String,
    },
    /// There is no account of this name.
    Unknown { reason: String },
    /// Accounts are there, and none is meant for the host.
    NotMeant { reason: String, hint: String },
    /// A login would not help, or may not be needed: the store or the provider is out of reach.
    NotNow {
        reason: String,
        hint: Option<String>,
    },
    /// A person has to unlock something first.
    Locked { part: LockedPart, reason: String },
}

impl Accounts {
    /// Makes an account usable without a person, if that can be done.
    pub async fn ensure(&self, which: &WhichAccount) -> Result<AccountStatus, EnsureError> {
        let end = Instant::now() + TIMEOUT;
        refuse_if_locked(&self.owner.now())?;
        self.owner.bring_back(STORE_TIMEOUT).await;
        let name = {
            let published = self.owner.now();
            match find_one(&published.facts, which) {
                Ok(Some(account)) => account.name.clone(),
                Ok(None) => return Err(no_account(&published, which)),
                Err(error) => {
                    return Err(EnsureError::NotNow {
                        reason: error.to_string(),
                        hint: Some(error.hint("")),
                    });
                }
            }
        };
        let left = end.saturating_duration_since(Instant::now());
        self.owner.want(std::slice::from_ref(&name), left).await;
        let published = self.owner.now();
        // meanwhile, perhaps
        refuse_if_locked(&published)?;
        match published.account(&name) {
            Some(account) => of_account(&published, account, &self.stores, self.clock.now()),
            None => Err(no_account(&published, which)),
        }
    }

    /// Returns the account that `which` means, and to which servers it is shown.
    pub fn visible(&self, which: &WhichAccount) -> Option<(String, Visibility)> {
        let published = self.owner.now();
        let account = find_one(&published.facts, which).ok()??;
        Some((account.name.clone(), visibility(account)))
    }
}

fn refuse_if_locked(published: &Published) -> Result<(), EnsureError> {
    match locked::part(&published.facts) {
        Some(part) => Err(EnsureError::Locked {
            part,
            reason: locked::words(part).to_owned(),
        }),
        None => Ok(()),
    }
}

fn of_account(
    published: &Published,
    account: &AccountFacts,
    stores: &Stores,
    now: UnixTime,
) -> Result<AccountStatus, EnsureError> {
    let name = &account.name;
    let shown = published.shown(account, now);
    let item = shown.map_err(|hidden| not_shown(published, account, hidden, stores))?;
    let status = status::of_item(published, account, item, now);
    let plan = published.plan(account, item);
    if plan.is_usable(now) {
        return Ok(status);
    }
    let is_refused = account.refresh.failure == Some(RefreshFailure::Refused);
    let login_needed = |reason| EnsureError::LoginNeeded {
        account: Some(name.clone()),
        reason,
    };
    let not_now = |reason| EnsureError::NotNow { reason, hint: None };
    Err(match published.renewal_error(account, now) {
        // it is still renewable: trying again later will do
        Some(error) if plan.renew_at.is_some() && !is_refused => not_now(error),
        Some(error) => login_needed(format!("{name} cannot be renewed: {error}")),
        None if plan.renew_at.is_none() => login_needed(format!(
            "{name} is past its planned deadline ({})",
            status.expiration
        )),
        None => not_now(match account.refresh.stage {
            Stage::Intent => format!(
                "the answer to {name}'s last renewal has not arrived; it is asked for again after \
                 {REQUEST_LIMIT} seconds"
            ),
            _ => format!("{name} is being renewed, and the provider has not answered yet"),
        }),
    })
}

fn not_shown(
    published: &Published,
    account: &AccountFacts,
    hidden: Hidden,
    stores: &Stores,
) -> EnsureError {
    let name = &account.name;
    let login_needed = |reason| EnsureError::LoginNeeded {
        account: None,
        reason,
    };
    let why = published.why_hidden(account, hidden);
    match hidden {
        Hidden::Missing => login_needed(format!(
            "the login to {name} was cut short, or its entry was removed"
        )),
        Hidden::Leaving | Hidden::Overdue => login_needed(format!("{name} is not logged in")),
        Hidden::Damaged | Hidden::Older => {
            login_needed(format!("account {name} cannot be used: {why}"))
        }
        _ => {
            let place = account.store.map_or("memory", StoreKind::place);
            let reason = format!("account {name} is in {place}, but {why}");
            let part = account.store.and_then(|store| stores.is_open(store).err());
            if let Some(part) = part.and_then(|error| error.locked_part()) {
                return EnsureError::Locked { part, reason };
            }
            let is_in_keyring = account.store == Some(StoreKind::SecretService);
            let hint = is_in_keyring.then(|| "unlock the keyring and try again".to_owned());
            EnsureError::NotNow { reason, hint }
        }
    }
}

fn no_account(published: &Published, which: &WhichAccount) -> EnsureError {
    let reason = match which {
        WhichAccount::Named(name) => {
            return EnsureError::Unknown {
                reason: format!("{name} is not logged in"),
            };
        }
        WhichAccount::MeantForHost(host)
            if !find(&published.facts, &WhichAccount::All).is_empty() =>
        {
            return EnsureError::NotMeant {
                reason: format!("no account is meant for {host}"),
                hint: format!("add {host} to `hosts:` of an account in ~/.opk/config.yml"),
            };
        }
        _ => match published.facts.agent.settings.default_account() {
            Some(name) => format!("the default account {name} is not logged in"),
            None => "nobody is logged in".to_owned(),
        },
    };
    EnsureError::LoginNeeded {
        account: None,
        reason,
    }
}
