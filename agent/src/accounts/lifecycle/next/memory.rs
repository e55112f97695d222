//! Memory, store and index agree, and what is not in memory is loaded.

use super::super::facts::{
    Form, IndexEntry, Item, Lock, Material, Memory, Step, StoreClosed, Stored,
};
use super::{Decision, Do, Pass, Turn, Wait};

/// Unseals memory, saves it, and verifies the answer of a refresh (group 4).
///
/// This also happens while suspended, dropped or ending: until the save, only memory has the newest
/// refresh token.
pub(super) fn settle_memory<M: Material>(turn: &Turn<'_, M>) -> Decision<M> {
    let account = turn.account;
    let item = match &account.memory {
        Memory::Nothing => return Pass,
        Memory::Full(item) => item,
        Memory::Sealed { text, .. } => return turn.unseal(text),
    };
    let saved = match account.store {
        Some(store) => save(turn, store, item),
        None => Pass,
    };
    // an answer is used when its refresh token is stored, or the store had its chance: a store
    // that is silent does not hold back a login that the provider has renewed
    match (saved, &account.answer) {
        (Do(step), _) => Do(step),
        (Wait | Pass, Some(answer)) => Do(Step::Verify {
            credentials: item.credentials.clone(),
            answer: answer.clone(),
        }),
        (saved, None) => saved,
    }
}

/// Writes the account to the index, then the item in clear to the store, then to the index that the
/// item was saved and is not sealed.
fn save<M: Material>(turn: &Turn<'_, M>, store: M::Store, item: &Item<M>) -> Decision<M> {
    let account = turn.account;
    let entry = match &account.index {
        Some(entry) if !entry.leaving && entry.person == account.person => entry,
        // no secret is in a store that the index does not name; and what the tombstone is for
        // is below the new login, whatever becomes of its deletion
        _ => return turn.write_index(Some(turn.first_entry(store, false))),
    };
    if !account.is_same(Form::Clear) {
        let item = item.clone();
        return turn.ask_store(Step::Save { store, item }, account.retries.save);
    }
    // a live entry learns a login only after the save: else a crash in between would make the
    // last item, which is still good, too old to be used
    let is_new = entry.version.login < item.version.login || entry.version.generation == 0;
    if is_new || entry.may_be_sealed || entry.profile != account.profile {
        return turn.write_index(Some(IndexEntry {
            version: item.version,
            may_be_sealed: false,
            profile: account.profile.clone(),
            ..entry.clone()
        }));
    }
    Pass
}

/// Loads what memory does not have, unless it must not be in memory now (group 5).
pub(super) fn load<M: Material>(turn: &Turn<'_, M>) -> Decision<M> {
    let (agent, account) = (turn.agent, turn.account);
    if !matches!(account.memory, Memory::Nothing) {
        return Pass;
    }
    if agent.is_away() || account.store.is_none() {
        return Wait;
    }
    // a locked keyring answers with a prompt: it is asked when somebody wants the account, unless
    // its item may need the key of a lock that is over
    let closed = agent.closed_store(account);
    let is_locked = closed.is_some_and(|closed| closed.why == StoreClosed::Locked);
    let may_ask = !is_locked || agent.lock != Lock::Open;
    let is_there = matches!(account.stored, Stored::Unknown | Stored::Has(_));
    match account.load_wanted || (may_ask && is_there) {
        true => turn.load_now(),
        false => Wait,
    }
}
