//! Leaving: tombstone, revocation, deletion, and the end of the tombstone.

use super::super::facts::{IndexEntry, Leaving, Material, Memory, Step};
use super::{Decision, Do, Pass, Turn, Wait};

/// Logs out: tombstone, revocation, deletion, end of the tombstone (group 2).
pub(super) fn leave<M: Material>(turn: &Turn<'_, M>) -> Decision<M> {
    let account = turn.account;
    match (account.leaving, account.store) {
        (Leaving::No, _) => Pass,
        (Leaving::Wanted, _) => match &account.index {
            Some(entry) if !entry.leaving => turn.write_index(Some(IndexEntry {
                // of the login that leaves; the entry may be another person's who never saved
                person: account.person.clone(),
                leaving: true,
                ..entry.clone()
            })),
            _ => revoke(turn),
        },
        (Leaving::Revoked(_), Some(store)) => {
            turn.ask_store(Step::Delete { store }, account.retries.delete)
        }
        (Leaving::Revoked(_), None) => Wait,
        (Leaving::Deleted(_), _) => turn.write_index(None),
    }
}

/// Revokes what memory has, else what the store gives. Waits for a store that does not answer: it
/// may have a token that works.
fn revoke<M: Material>(turn: &Turn<'_, M>) -> Decision<M> {
    match &turn.account.memory {
        Memory::Full(item) => match &item.refresh_token {
            Some(token) => Do(Step::Revoke {
                token: token.clone(),
                credentials: item.credentials.clone(),
            }),
            None => Wait,
        },
        Memory::Sealed { text, .. } => turn.unseal(text),
        Memory::Nothing if turn.agent.ending || turn.agent.lock.is_locked() => Wait,
        Memory::Nothing => turn.load_now(),
    }
}
