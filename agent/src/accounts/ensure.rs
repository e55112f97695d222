//! Making an account usable without a person, or saying why that cannot be.

use std::sync::Arc;

use opkssh_protocol::control::{AccountStatus, LockedPart, WhichAccount};

use super::away::PUT_AWAY;
use super::renewal::renew::Wish;
use super::store::StoreKind;
use super::{Account, Accounts};

/// An account that can be used now.
pub struct Ensured(pub AccountStatus);

/// Why an account cannot be used without a person.
pub enum EnsureError {
    /// Only a login helps. The account's name, if there is such an account.
    LoginNeeded {
        account: Option<String>,
        reason: String,
    },
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
    pub async fn ensure(self: &Arc<Self>, which: &WhichAccount) -> Result<Ensured, EnsureError> {
        self.refuse_if_locked()?;
        self.restore_missing().await;
        let account = match self.find_one(which) {
            Ok(Some(account)) => account,
            Ok(None) => return Err(self.no_account(which)),
            Err(ambiguous) => {
                return Err(EnsureError::NotNow {
                    reason: ambiguous.to_string(),
                    hint: Some(ambiguous.names()),
                });
            }
        };
        let failed = self.renew_if_stale(&account, Wish::Asked).await.err();
        // meanwhile, perhaps
        self.refuse_if_locked()?;
        let (plan, refused) = {
            let state = account.state();
            (self.plan(&state), state.refused)
        };
        if plan.is_usable(self.clock.now()) {
            return Ok(Ensured(self.report(&account)));
        }
        match failed {
            // it is still renewable: trying again later will do
            Some(error) if plan.renew_at.is_some() && !refused => Err(EnsureError::NotNow {
                reason: error.to_string(),
                hint: None,
            }),
            _ => Err(EnsureError::LoginNeeded {
                account: Some(account.alias.clone()),
                reason: self.why_login(&account),
            }),
        }
    }

    fn refuse_if_locked(&self) -> Result<(), EnsureError> {
        let (part, reason) = match (self.is_locked(), self.is_put_away()) {
            (true, _) => (LockedPart::Agent, "the agent is locked"),
            (false, true) => (LockedPart::Screen, PUT_AWAY),
            (false, false) => return Ok(()),
        };
        let reason = reason.to_owned();
        Err(EnsureError::Locked { part, reason })
    }

    fn no_account(&self, which: &WhichAccount) -> EnsureError {
        if let Some(alias) = self.is_empty_in_store(which) {
            return EnsureError::LoginNeeded {
                account: None,
                reason: format!("the login to {alias} was cut short, or its entry was removed"),
            };
        }
        if let Some((reason, store)) = self.why_missing(which) {
            if let Err(error) = self.stores.is_open(store)
                && let Some(part) = error.locked_part()
            {
                return EnsureError::Locked { part, reason };
            }
            let hint = match store {
                StoreKind::SecretService => Some("unlock the keyring and try again".to_owned()),
                StoreKind::File | StoreKind::Memory => None,
            };
            return EnsureError::NotNow { reason, hint };
        }
        let reason = match which {
            WhichAccount::Named(name) => format!("{name} is not logged in"),
            WhichAccount::MeantForHost(host) => format!("no account is meant for {host}"),
            _ => match self.settings.default_account() {
                Some(name) => format!("the default account {name} is not logged in"),
                None => "nobody is logged in".to_owned(),
            },
        };
        EnsureError::LoginNeeded {
            account: None,
            reason,
        }
    }

    fn why_login(&self, account: &Account) -> String {
        let state = account.state();
        match &state.last_error {
            Some(error) => format!("{} cannot be renewed: {error}", account.alias),
            None => format!(
                "{} is past its planned deadline ({})",
                account.alias,
                self.settings.of(&state.record).expiration
            ),
        }
    }
}
