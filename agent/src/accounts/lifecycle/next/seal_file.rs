//! Writing and removing `seal.json`.

use opkssh_protocol::time::UnixTime;

use super::super::facts::{
    AccountFacts, Action, Facts, Form, Leaving, Lock, Material, Memory, Step, Stored,
};
use super::super::retry::{STORE_RETRY, is_due};

/// Writes `seal.json` for a lock, and removes it when nothing needs its key. Never both at once: a
/// removal that ends after the write would take the new file away.
pub(super) fn seal_file_action<M: Material>(facts: &Facts<M>, now: UnixTime) -> Option<Action<M>> {
    let agent = &facts.agent;
    if agent.seal_file_in_flight {
        return None;
    }
    match &agent.lock {
        Lock::Locking { key, password } => Some(Action::WriteSealFile {
            key: key.clone(),
            password: password.clone(),
        }),
        Lock::Opening(_) => {
            let is_due = is_due(agent.seal_file_retry_at, STORE_RETRY, now);
            let is_needed = facts.accounts.iter().any(may_need_seal_key);
            (is_due && !is_needed).then_some(Action::RemoveSealFile)
        }
        Lock::Open | Lock::Locked(_) => None,
    }
}

/// Returns true if something of this account may be sealed, in memory, in flight or in the
/// store. What the store says it does not have, or cannot read, counts while it is noted:
/// perhaps another keyring answers.
fn may_need_seal_key<M: Material>(account: &AccountFacts<M>) -> bool {
    let seals = match account.running() {
        Some(Step::Seal { .. } | Step::LoadAndSeal { .. } | Step::SaveSealed { .. }) => true,
        Some(Step::WriteIndex(Some(entry))) => entry.may_be_sealed && !entry.leaving,
        _ => false,
    };
    if seals || matches!(account.memory, Memory::Sealed { .. }) {
        return true;
    }
    // an item that is too old is never used, but may stand for one that is noted
    let is_given_up = matches!(account.leaving, Leaving::Revoked(_) | Leaving::Deleted(_))
        || account.stored == Stored::Damaged
        || (account.stored == Stored::Older && !account.is_noted());
    if account.store.is_none() || account.index.is_none() || is_given_up {
        return false;
    }
    // unread: the note may be from before a power loss that took the store's last write back
    let is_unread = match account.stored {
        Stored::Unknown => true,
        Stored::Unreadable => !account.is_read,
        Stored::Has(_) | Stored::Missing | Stored::Damaged | Stored::Older => false,
    };
    account.is_noted() || account.form != Form::Clear || is_unread
}
