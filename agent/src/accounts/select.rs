//! Which accounts a word of the command line means. Pure.

use opkssh_protocol::control::WhichAccount;

use super::lifecycle::Leaving;
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
    /// Returns what the person can do about it. `command` is what to type before a name.
    pub fn hint(&self, command: &str) -> String {
        hint(&self.accounts, command)
    }
}

/// Returns what to type: `command` before one of these names.
pub fn hint(accounts: &[String], command: &str) -> String {
    let commands = accounts.iter();
    let commands: Vec<_> = commands.map(|name| format!("{command}{name}")).collect();
    format!("name one: {}", commands.join(" or "))
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
/// earlier one. A provider's name is not enough: where the account of that name is gone, the same
/// logout once more would end another one.
pub fn find_to_leave<'a>(
    facts: &'a Facts,
    which: &WhichAccount,
) -> Result<Vec<&'a AccountFacts>, Ambiguous> {
    let mut accounts = facts.accounts.iter();
    if let WhichAccount::Named(name) = which {
        let named = accounts.find(|one| one.name == *name);
        if named.is_none() {
            find_one(facts, which)?;
        }
        return Ok(named.into_iter().collect());
    }
    let mut found = find(facts, which);
    found.extend(accounts.filter(|one| one.leaving != Leaving::No));
    Ok(found)
}

/// Returns the accounts that `which` means: for a default or a host, at most one; for a provider's
/// name, all that are there.
pub fn find<'a>(facts: &'a Facts, which: &WhichAccount) -> Vec<&'a AccountFacts> {
    let accounts = facts.accounts.iter();
    let staying = accounts.filter(|one| one.leaving == Leaving::No);
    match which {
        WhichAccount::All => staying.collect(),
        WhichAccount::Named(word) => match staying.clone().find(|one| one.name == *word) {
            Some(account) => vec![account],
            None => staying.filter(|one| is_called(one, word)).collect(),
        },
        WhichAccount::Default | WhichAccount::ForHost(_) | WhichAccount::MeantForHost(_) => {
            let there = staying.filter(|one| !one.is_free());
            find_usual(facts, there, which).into_iter().collect()
        }
    }
}

/// Returns the default account: the configured one, else the one that came first. For a host,
/// returns one that is meant for it, the default one first. Where none is, returns the default one,
/// unless it has to be meant and is for certain servers only.
fn find_usual<'a>(
    facts: &Facts,
    accounts: impl Iterator<Item = &'a AccountFacts> + Clone,
    which: &WhichAccount,
) -> Option<&'a AccountFacts> {
    let default = match facts.agent.settings.default_account() {
        Some(name) => accounts.clone().find(|account| account.name == name),
        // the first one, so that another login does not change it
        None => accounts.clone().next(),
    };
    let meant_for = |host: &str| {
        let meant = accounts.filter(|account| host_matches(host, &visibility(account).hosts));
        meant.max_by_key(|account| {
            let is_default = default.is_some_and(|default| default.name == account.name);
            (is_default, account.login)
        })
    };
    match which {
        WhichAccount::ForHost(host) => meant_for(host).or(default),
        WhichAccount::MeantForHost(host) => {
            meant_for(host).or(default.filter(|account| visibility(account).hosts.is_empty()))
        }
        _ => default,
    }
}

/// Returns true if `word` is the account's name, or what its provider is called.
fn is_called(account: &AccountFacts, word: &str) -> bool {
    let profile = account.profile.iter();
    let mut aliases = profile.flat_map(|profile| &profile.provider_aliases);
    account.name == word || account.person.issuer == word || aliases.any(|alias| alias == word)
}
