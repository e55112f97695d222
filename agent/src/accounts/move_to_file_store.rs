//! Moves accounts that are in memory only to the encrypted file store.

use std::time::Duration;

use opkssh_protocol::control::LockedPart;

use super::Accounts;
use super::lifecycle::{Event, Leaving};
use super::owner::Published;
use super::store::{StoreError, StoreKind};

/// How long it takes at most: a renewal in flight ends first.
const TIMEOUT: Duration = Duration::from_secs(90);

#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// It has to be unlocked first.
    #[error(transparent)]
    Closed(#[from] StoreError),
    #[error("{}; the agent goes on", .0.join("; "))]
    NotStored(Vec<String>),
}

impl MoveError {
    pub fn locked_part(&self) -> Option<LockedPart> {
        match self {
            Self::Closed(error) => error.locked_part(),
            Self::NotStored(_) => None,
        }
    }
}

/// Gives accounts that are in memory only the encrypted file store. Returns their names when it has
/// them. Fails if something is in memory only still, of whichever store.
pub async fn move_to_file_store(accounts: &Accounts) -> Result<Vec<String>, MoveError> {
    let owner = &accounts.owner;
    let is_elsewhere = |store: Option<StoreKind>| store.is_some_and(|it| it != StoreKind::File);
    fail_if_unsaved(&owner.now(), is_elsewhere)?;
    accounts.stores.is_open(StoreKind::File)?;
    let moved = {
        let published = owner.now();
        let accounts = published.facts.accounts.iter();
        let moved = accounts.filter(|one| one.store.is_none() && one.leaving == Leaving::No);
        moved.map(|account| account.name.clone()).collect()
    };
    owner.apply(Event::StoreGiven(StoreKind::File)).await;
    let is_over = |published: &Published| {
        (published.at_risk().is_empty() || published.is_at_rest()).then_some(())
    };
    owner.wait_for(TIMEOUT, is_over).await;
    fail_if_unsaved(&owner.now(), |_| true)?;
    Ok(moved)
}

/// Fails if a store of these does not have what memory has.
fn fail_if_unsaved(
    published: &Published,
    is_meant: impl Fn(Option<StoreKind>) -> bool,
) -> Result<(), MoveError> {
    let accounts = published.facts.accounts.iter();
    let unsaved = accounts.filter(|account| {
        account.leaving == Leaving::No && !account.is_saved() && is_meant(account.store)
    });
    let reasons = unsaved.map(|account| {
        let place = account.store.map_or("a store", StoreKind::place);
        let why = match published.last_error(account) {
            Some(error) => error.to_string(),
            None => "its renewal takes long".to_owned(),
        };
        format!("account {} is not in {place}: {why}", account.name)
    });
    match reasons.collect::<Vec<_>>() {
        none if none.is_empty() => Ok(()),
        reasons => Err(MoveError::NotStored(reasons)),
    }
}
