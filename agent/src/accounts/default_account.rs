//! The default account: which one it is, and its choice.

use opkssh_protocol::control::WhichAccount;

use super::Accounts;
use super::lifecycle::Event;
use super::select::{Ambiguous, find, find_one, hint};
use super::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum DefaultAccountError {
    #[error("there is no account {name}")]
    Unknown { name: String, known: Vec<String> },
    #[error("nobody is logged in")]
    Nobody,
    #[error("the default account {0} is not logged in")]
    NotThere(String),
    /// The configuration counts for more than a choice.
    #[error("the default account is {0}, by `default_account:` in the client configuration")]
    Configured(String),
    #[error(transparent)]
    Ambiguous(#[from] Ambiguous),
    #[error("the choice cannot be kept: {0}")]
    Store(#[from] StoreError),
}

impl DefaultAccountError {
    /// Returns what the person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { known, .. } if !known.is_empty() => {
                Some(hint(known, "opkssh default "))
            }
            Self::NotThere(name) => Some(format!("log in: opkssh login {name}")),
            Self::Unknown { .. } | Self::Nobody => Some("log in: opkssh login".to_owned()),
            Self::Configured(_) => {
                Some("change or remove it under `agent:` in ~/.opk/config.yml".to_owned())
            }
            Self::Ambiguous(error) => Some(error.hint("opkssh default ")),
            Self::Store(error) => error.hint(),
        }
    }
}

/// Returns the name of the default account.
pub fn default_account(accounts: &Accounts) -> Result<String, DefaultAccountError> {
    let facts = &accounts.owner.now().facts;
    let found = find(facts, &WhichAccount::Default);
    match (found.first(), facts.agent.settings.default_account()) {
        (Some(account), _) => Ok(account.name.clone()),
        (None, Some(name)) => Err(DefaultAccountError::NotThere(name.to_owned())),
        (None, None) => Err(DefaultAccountError::Nobody),
    }
}

/// Makes the account that `word` means the default, also after a restart. Returns its name.
pub async fn choose_default(
    accounts: &Accounts,
    word: String,
) -> Result<String, DefaultAccountError> {
    let name = {
        let facts = &accounts.owner.now().facts;
        let Some(account) = find_one(facts, &WhichAccount::Named(word.clone()))? else {
            let all = find(facts, &WhichAccount::All).into_iter();
            return Err(DefaultAccountError::Unknown {
                name: word,
                known: all.map(|account| account.name.clone()).collect(),
            });
        };
        match facts.agent.settings.default_account() {
            Some(configured) if configured != account.name => {
                return Err(DefaultAccountError::Configured(configured.to_owned()));
            }
            _ => account.name.clone(),
        }
    };
    let (index, chosen) = (accounts.index.clone(), name.clone());
    let written = tokio::task::spawn_blocking(move || index.put_first(&chosen)).await;
    written.map_err(|error| StoreError::Index(error.to_string()))??;
    accounts
        .owner
        .apply(Event::DefaultChosen(name.clone()))
        .await;
    Ok(name)
}
