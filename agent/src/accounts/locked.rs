//! What keeps the accounts from being used until a person unlocks it.

use opkssh_protocol::control::LockedPart;

use super::material::Facts;
use super::store::{StoreKind, Stores};

/// Returns what hides every account.
pub fn part(facts: &Facts) -> Option<LockedPart> {
    match (facts.agent.lock.hides(), facts.agent.suspended.any()) {
        (true, _) => Some(LockedPart::Agent),
        (false, true) => Some(LockedPart::Screen),
        (false, false) => None,
    }
}

/// Returns what waits for a person, in the order in which to unlock it.
pub fn parts(facts: &Facts, stores: &Stores) -> Vec<LockedPart> {
    let agent = facts.agent.lock.hides().then_some(LockedPart::Agent);
    let screen = facts.agent.suspended.any().then_some(LockedPart::Screen);
    let mut accounts = facts.accounts.iter();
    let is_used = accounts.any(|account| account.store == Some(StoreKind::File));
    let store = stores.locked_part(is_used);
    agent.into_iter().chain(screen).chain(store).collect()
}

/// Returns why a command is refused while this is locked.
pub fn words(part: LockedPart) -> &'static str {
    match part {
        LockedPart::Screen => "the agent is locked with the screen",
        LockedPart::Agent => "the agent is locked",
        LockedPart::Store => "the encrypted file store is locked",
        LockedPart::NewStore => "the encrypted file store has no passphrase yet",
    }
}
