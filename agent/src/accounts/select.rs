//! Which accounts a word of the command line means. Pure.

use opkssh_protocol::control::WhichAccount;

use super::lifecycle::{Leaving, Memory};
use super::material::{AccountFacts, Facts};
use super::owner::visibility;
use crate::serving::hosts::host_matches;

/// A provider's name is no account's name where several accounts are there.
#[derive(Debug, thiserror::Error)]
#[error("{word} may be any of the accounts {}", accounts.join(", "))]
pub struct Ambiguous {
    word: String,
    accounts: Vec<String>,
}

impl Ambiguous {
    /// What the person can do about it, whatever the command was.
    pub fn names(&self) -> String {
        format!("name one: {}", self.accounts.join(" or "))
    }

    /// What the person can do about it; `command` takes an account's name.
    pub fn hint(&self, command: &str) -> String {
        let commands = self.accounts.iter();
        let commands: Vec<_> = commands.map(|name| format!("{command} {name}")).collect();
        format!("name one: {}", commands.join(" or "))
    }
}

/// Returns the one account that `which` means, if there is any. Those that are leaving do not
/// count.
pub fn find_one<'a>(
    facts: &'a Facts,
    which: &WhichAccount,
) -> Result<Option<&'a AccountFacts>, Ambiguous> {
    let found = find(facts, which);
    match (which, &found[..]) {
        (WhichAccount::Named(word), [_, _, ..]) => Err(Ambiguous {
            word: word.clone(),
            accounts: found.iter().map(|one| one.name.clone()).collect(),
        }),
        (_, found) => Ok(found.first().copied()),
    }
}

/// Returns the accounts that a logout from `which` is for: also those that are leaving since an
/// earlier one, which is repeated by the words it was asked for with.
pub fn find_to_leave<'a>(
    facts: &'a Facts,
    which: &WhichAccount,
) -> Result<Vec<&'a AccountFacts>, Ambiguous> {
    let leaving = facts
        .accounts
        .iter()
        .filter(|one| one.leaving != Leaving::No);
    let mut found = match which {
        WhichAccount::All => find(facts, which),
        _ => find_one(facts, which)?.into_iter().collect(),
    };
    match which {
        WhichAccount::Named(name) if found.is_empty() => {
            found.extend(leaving.filter(|one| is_called(one, name)));
        }
        WhichAccount::Named(_) => {}
        _ => found.extend(leaving),
    }
    Ok(found)
}

/// Returns the accounts that `which` means: for a default or a host, at most one; for a provider's
/// name, all that are there.
pub fn find<'a>(facts: &'a Facts, which: &WhichAccount) -> Vec<&'a AccountFacts> {
    let staying = facts
        .accounts
        .iter()
        .filter(|one| one.leaving == Leaving::No);
    let staying: Vec<_> = staying.collect();
    let in_memory = staying.iter().copied();
    let in_memory = in_memory.filter(|one| matches!(one.memory, Memory::Full(_)));
    let in_memory: Vec<_> = in_memory.collect();
    // one that can be used now, rather than one that the store has to give first
    let first = match in_memory.is_empty() {
        true => &staying,
        false => &in_memory,
    };
    match which {
        WhichAccount::All => staying,
        WhichAccount::Named(name) => {
            let mut found = staying;
            match found.iter().any(|account| account.name == *name) {
                true => found.retain(|account| account.name == *name),
                false => found.retain(|account| is_called(account, name)),
            }
            found
        }
        WhichAccount::Default => default(facts, first).into_iter().collect(),
        WhichAccount::ForHost(host) => for_host(facts, first, host, true).into_iter().collect(),
        WhichAccount::MeantForHost(host) => {
            for_host(facts, first, host, false).into_iter().collect()
        }
    }
}

/// The configured one, else the one that logged in last.
fn default<'a>(facts: &Facts, accounts: &[&'a AccountFacts]) -> Option<&'a AccountFacts> {
    match facts.agent.settings.default_account() {
        Some(name) => accounts
            .iter()
            .find(|account| account.name == name)
            .copied(),
        None => accounts.iter().max_by_key(|account| account.login).copied(),
    }
}

/// Of several that are meant for the host, the default one. Of none the default one: where an
/// account must be meant (not `any`), only if every server is shown it.
fn for_host<'a>(
    facts: &Facts,
    accounts: &[&'a AccountFacts],
    host: &str,
    any: bool,
) -> Option<&'a AccountFacts> {
    let default = default(facts, accounts);
    let meant = accounts.iter().copied();
    let meant = meant.filter(|account| host_matches(host, &visibility(account).hosts));
    let is_default =
        |account: &AccountFacts| default.is_some_and(|default| default.name == account.name);
    meant
        .max_by_key(|account| (is_default(account), account.login))
        .or(default.filter(|account| any || visibility(account).hosts.is_empty()))
}

/// Returns true if `word` is the account's name, or what its provider is called.
fn is_called(account: &AccountFacts, word: &str) -> bool {
    let aliases = account
        .profile
        .iter()
        .flat_map(|profile| &profile.provider_aliases);
    account.name == word || account.person.issuer == word || aliases.into_iter().any(|a| a == word)
}
