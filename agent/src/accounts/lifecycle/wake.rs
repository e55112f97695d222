//! When time alone changes what there is to do or to show.

use opkssh_protocol::time::UnixTime;

use super::facts::{AccountFacts, Facts, Material};
use super::retry::WANTED_REFRESH_RETRY;

/// Returns the next time at which [`next`](super::next()) or [`view`](super::view()) may change
/// without an event. The owner then applies [`TimePassed`](super::Event::TimePassed).
pub fn wake<M: Material>(facts: &Facts<M>, now: UnixTime) -> Option<UnixTime> {
    let agent = &facts.agent;
    let mut first: Option<UnixTime> = None;
    let mut at = |time: Option<UnixTime>| {
        if let Some(time) = time.filter(|time| *time > now) {
            first = Some(first.map_or(time, |first| first.min(time)));
        }
    };
    at(agent.seal_file_retry_at);
    for closed in &agent.closed_stores {
        at(Some(closed.retry_at));
    }
    for account in &facts.accounts {
        let retries = &account.retries;
        at(retries.index);
        at(retries.load);
        at(retries.save);
        at(retries.delete);
        at(retries.seal);
        at(account.ends_at(agent.lifetime));
        at(account.wanted_until.map(|until| until.plus(1)));
        at(renewal_time(account, facts));
        if account.item().is_some() {
            at(retries.refresh);
            at(retries.intent);
        }
        if let (Some(_), Some(tried_at)) = (account.wanted_until, account.refresh.tried_at) {
            at(Some(tried_at.plus(WANTED_REFRESH_RETRY)));
        }
    }
    first
}

fn renewal_time<M: Material>(account: &AccountFacts<M>, facts: &Facts<M>) -> Option<UnixTime> {
    let item = account.item()?;
    let has_token = item.refresh_token.is_some();
    let settings = &facts.agent.settings;
    M::plan(&account.name, &item.credentials, has_token, settings).renew_at
}
