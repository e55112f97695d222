//! When time alone changes what there is to do or to show.

use opkssh_protocol::time::UnixTime;

use super::facts::{AccountFacts, AgentFacts, Facts, Material};
use super::retry::WANTED_REFRESH_RETRY;

/// Returns the next time at which [`next`](super::next()) or [`view`](super::view()) may change
/// without an event. The owner then applies [`TimePassed`](super::Event::TimePassed).
pub fn wake<M: Material>(facts: &Facts<M>, now: UnixTime) -> Option<UnixTime> {
    let agent = &facts.agent;
    let closed = agent.closed_stores.iter().map(|closed| closed.retry_at);
    let accounts = facts.accounts.iter();
    let accounts = accounts.flat_map(|account| times(agent, account)).flatten();
    let times = agent.seal_file_retry_at.into_iter().chain(closed);
    times.chain(accounts).filter(|time| *time > now).min()
}

fn times<M: Material>(agent: &AgentFacts<M>, account: &AccountFacts<M>) -> [Option<UnixTime>; 11] {
    let (retries, item) = (&account.retries, account.item());
    let wanted = account.wanted_until.and(account.refresh.tried_at);
    [
        retries.index,
        retries.load,
        retries.save,
        retries.delete,
        retries.seal,
        item.and(retries.refresh),
        item.and(retries.intent),
        item.and_then(|item| agent.plan(&account.name, item).renew_at),
        account.ends_at(agent.lifetime),
        account.wanted_until.map(|until| until.plus(1)),
        wanted.map(|tried_at| tried_at.plus(WANTED_REFRESH_RETRY)),
    ]
}
