//! What follows from the facts without any I/O, after each event.

use opkssh_protocol::time::UnixTime;

use super::super::facts::{
    AccountFacts, AgentFacts, Facts, Leaving, Material, Memory, Notice, Revocation, Stored,
};
use super::super::next::{is_store_loading, next_step};

/// Takes the steps that need no action.
pub fn settle<M: Material>(facts: &mut Facts<M>, now: UnixTime) {
    let (agent, notices) = (&facts.agent, &mut facts.notices);
    facts.accounts.retain_mut(|account| {
        if let Memory::Full(item) = &account.memory {
            let before = account.profile.as_ref();
            account.profile = Some(M::profile(
                &account.name,
                &item.credentials,
                &agent.settings,
                before,
            ));
        }
        // overdue is for good, also if the clock is set back later; locked it could not be revoked
        if account.is_overdue(agent.lifetime, now) && !agent.lock.hides() {
            account.leave();
        }
        if account.in_flight.is_some() {
            return true;
        }
        leave(agent, account);
        let is_away = agent.suspended.any() || agent.dropped;
        if is_away && !agent.lock.hides() && account.may_be_forgotten() {
            account.forget();
        }
        let is_gone = account.index.is_none() && matches!(account.memory, Memory::Nothing);
        if let (true, Leaving::Deleted(revocation)) = (is_gone, account.leaving) {
            notices.push(Notice::LoggedOut {
                name: account.name.clone(),
                login: account.login,
                revocation,
            });
        }
        !is_gone
    });
    for place in 0..facts.accounts.len() {
        let account = &facts.accounts[place];
        let waits = account.wanted_until.is_some() || account.load_wanted;
        // "renew and tell me" ends if no step towards it may start now, nor soon in its turn
        let may_go_on = || {
            account.in_flight.is_some()
                || next_step(facts, account, now).is_some()
                || (account.load_wanted && is_store_loading(facts, account))
        };
        if waits && !may_go_on() {
            facts.accounts[place].wanted_until = None;
            facts.accounts[place].load_wanted = false;
        }
    }
}

/// The steps of a logout that are not actions: there is nothing to revoke or to delete, and what
/// memory has goes when it was revoked.
fn leave<M: Material>(agent: &AgentFacts<M>, account: &mut AccountFacts<M>) {
    if account.leaving == Leaving::Wanted && account.has_left_index() {
        let outcome = match &account.memory {
            Memory::Full(item) if item.refresh_token.is_none() => Some(Revocation::NoRefreshToken),
            Memory::Full(_) => None,
            Memory::Sealed { .. } if agent.lock.is_locked() => Some(Revocation::Locked),
            Memory::Sealed { .. } => None,
            Memory::Nothing if agent.lock.is_locked() => Some(Revocation::Locked),
            Memory::Nothing if account.is_given_up => Some(Revocation::NotRead),
            Memory::Nothing => match account.stored {
                Stored::Unknown | Stored::Has(_) if account.index.is_some() => None,
                _ => Some(Revocation::NotRead),
            },
        };
        account.leaving = outcome.map_or(Leaving::Wanted, Leaving::Revoked);
    }
    if let Leaving::Revoked(revocation) = account.leaving {
        account.forget();
        // without an entry in the index, nothing was ever saved
        if account.store.is_none() || account.index.is_none() {
            account.leaving = Leaving::Deleted(revocation);
        }
    }
}
