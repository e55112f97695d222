//! Refreshing the tokens at the provider.

use super::super::facts::{IndexEntry, Item, Material, Stage, Step};
use super::super::retry::{LAST_REFRESH_RETRY, REQUEST_LIMIT, WANTED_REFRESH_RETRY, is_due};
use super::{Decision, Do, Pass, Turn};

/// Refreshes what is due or wanted (group 6).
///
/// The store has the intent, and the index its version, before the token is sent. An item from
/// before that is then known to be too old, whichever keyring gives it.
pub(super) fn refresh<M: Material>(turn: &Turn<'_, M>) -> Decision<M> {
    let account = turn.account;
    let (Some(item), false) = (account.item(), turn.agent.is_away()) else {
        return Pass;
    };
    let token = item.refresh_token.clone();
    let Some(token) = token.filter(|_| wants_refresh(turn, item)) else {
        return Pass;
    };
    let ask = Step::Refresh {
        token,
        credentials: item.credentials.clone(),
        after_intent: account.refresh.stage == Stage::Intent,
    };
    let (Some(store), Some(entry)) = (account.store, &account.index) else {
        return Do(ask);
    };
    if account.refresh.stage == Stage::Idle {
        let item = item.changed(true);
        return turn.ask_store(Step::Save { store, item }, account.retries.save);
    }
    if entry.version < item.version {
        return turn.write_index(Some(IndexEntry {
            version: item.version,
            ..entry.clone()
        }));
    }
    Do(ask)
}

/// Returns true if a refresh is planned or wanted, and no earlier attempt stands in the way.
fn wants_refresh<M: Material>(turn: &Turn<'_, M>, item: &Item<M>) -> bool {
    let (account, now) = (turn.account, turn.now);
    // the request before this one may still act: a token sent twice is revoked by providers
    // that look for reuse
    if account.refresh.stage == Stage::Intent && !is_due(account.retries.intent, REQUEST_LIMIT, now)
    {
        return false;
    }
    let plan = turn.agent.plan(&account.name, item);
    let planned = is_due(account.retries.refresh, LAST_REFRESH_RETRY, now);
    let wanted = account.wanted_until.is_some_and(|until| now <= until);
    let tried_at = account.refresh.failure.and(account.refresh.tried_at);
    let soon = tried_at.map(|tried_at| tried_at.plus(WANTED_REFRESH_RETRY));
    let wanted = wanted && is_due(soon, WANTED_REFRESH_RETRY, now);
    (plan.wants_renewal(now) && (planned || wanted)) || (account.refresh.learn && planned)
}
