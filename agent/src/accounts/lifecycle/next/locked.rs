//! Locked: memory and store are sealed.

use super::super::facts::{Form, IndexEntry, Lock, Material, Memory, Step, Stored};
use super::super::retry::{STORE_RETRY, is_due};
use super::{Decision, Pass, Turn, Wait, do_if};

/// Seals what memory has, leaving or not (group 1).
///
/// The action in flight ends first: its answer could not be merged into a sealed text.
pub(super) fn seal_memory<M: Material>(turn: &Turn<'_, M>) -> Decision<M> {
    let (Lock::Locked(recipient), Some(item)) = (&turn.agent.lock, turn.account.item()) else {
        return Pass;
    };
    let step = Step::Seal {
        item: item.clone(),
        recipient: recipient.clone(),
    };
    do_if(
        is_due(turn.account.retries.seal, STORE_RETRY, turn.now),
        step,
    )
}

/// Stores the sealed text that memory has, or seals the store's item in place (group 3).
///
/// accounts.json notes first that the item may be sealed. While the note is there, so is the key.
pub(super) fn seal_store<M: Material>(turn: &Turn<'_, M>) -> Decision<M> {
    let (Lock::Locked(recipient), Some(store)) = (&turn.agent.lock, turn.account.store) else {
        return match turn.agent.lock.is_locked() {
            true => Wait,
            false => Pass,
        };
    };
    let account = turn.account;
    let (step, retry_at) = match &account.memory {
        Memory::Sealed { version, text } if !account.is_same(Form::Sealed) => {
            let step = Step::SaveSealed {
                store,
                version: *version,
                text: text.clone(),
            };
            (step, account.retries.save)
        }
        Memory::Nothing if may_be_clear_in_store(turn) => {
            let recipient = recipient.clone();
            (Step::LoadAndSeal { store, recipient }, account.retries.load)
        }
        _ => return Wait,
    };
    match &account.index {
        Some(entry) if entry.may_be_sealed && !entry.leaving => turn.ask_store(step, retry_at),
        Some(entry) if !entry.leaving && entry.person == account.person => {
            turn.write_index(Some(IndexEntry {
                may_be_sealed: true,
                ..entry.clone()
            }))
        }
        _ => turn.write_index(Some(turn.first_entry(store, true))),
    }
}

/// Returns true if the store may have the item in clear.
///
/// What the store does not have, or cannot read, is only asked for again if it is noted: a note for
/// nothing would keep `seal.json`, and with it the lock.
fn may_be_clear_in_store<M: Material>(turn: &Turn<'_, M>) -> bool {
    turn.account.form != Form::Sealed
        && match turn.account.stored {
            Stored::Unknown | Stored::Has(_) | Stored::Older => true,
            Stored::Missing | Stored::Unreadable => turn.account.is_noted(),
            Stored::Damaged => false,
        }
}
