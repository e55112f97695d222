//! Which account a login is for, and which account a word means.

use std::sync::Arc;

use opkssh_protocol::account_name::AccountName;
use opkssh_protocol::config::Provider;
use opkssh_protocol::control::{LoginRequest, WhichAccount};

use super::login::typed;
use super::missing::Missing;
use super::store::index::Entry;
use super::store::record::{Credentials, Record};
use super::{Account, Accounts, report};

/// Somebody else logged in than the account's owner. Nothing was replaced.
#[derive(Debug, thiserror::Error)]
#[error("the account {account} is {owner}'s, and {newcomer} has logged in: nothing was changed")]
pub struct OtherPerson {
    account: String,
    owner: String,
    newcomer: String,
    hint: String,
}

impl OtherPerson {
    /// What the person can do about it.
    pub fn hint(&self) -> String {
        self.hint.clone()
    }
}

/// A provider's name is no account's name where several accounts are there.
#[derive(Debug, thiserror::Error)]
#[error("{word} may be any of the accounts {}", accounts.join(", "))]
pub struct Ambiguous {
    word: String,
    accounts: Vec<String>,
}

impl Ambiguous {
    pub(super) fn among(word: &str, accounts: impl IntoIterator<Item = String>) -> Self {
        Self {
            word: word.to_owned(),
            accounts: accounts.into_iter().collect(),
        }
    }

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

/// An account, as far as it says whose it is.
struct Known {
    name: String,
    issuer: String,
    /// What its provider is called.
    provider: String,
    subject: String,
    /// Mail address, else subject.
    who: String,
}

impl Accounts {
    /// The one account that `which` means, if there is any.
    pub(super) fn find_one(&self, which: &WhichAccount) -> Result<Option<Arc<Account>>, Ambiguous> {
        let mut found = self.find(which);
        match (which, found.len()) {
            (WhichAccount::Named(word), 2..) => {
                let accounts = found.iter().map(|one| one.alias.clone());
                Err(Ambiguous::among(word, accounts))
            }
            (_, 0) => Ok(None),
            _ => Ok(Some(found.swap_remove(0))),
        }
    }

    /// The name of the account that a login is for. With `wanted`: that one, if it is free or this
    /// person's. Without: the account that this person has at the provider already; else the
    /// provider's name, if it is free.
    pub(super) fn account_of_login(
        &self,
        wanted: Option<&AccountName>,
        record: &Record,
        credentials: &Credentials,
    ) -> Result<String, OtherPerson> {
        let known = self.known();
        let claims = credentials.pk_token.unverified_claims();
        let provider = &record.provider;
        let theirs = |one: &&Known| one.issuer == provider.issuer && one.subject == claims.sub();
        let name = wanted.map_or(provider.name(), AccountName::as_str);
        let named = known.iter().find(|one| one.name == name);
        if named.is_some_and(|one| theirs(&one)) {
            return Ok(name.to_owned());
        }
        let there = |one: &&Known| theirs(one) && one.provider == provider.name();
        match (wanted, known.iter().find(there), named) {
            (None, Some(other), _) => Ok(other.name.clone()),
            (_, _, None) => Ok(name.to_owned()),
            (_, _, Some(owned)) => {
                let newcomer = claims.email().unwrap_or(claims.sub());
                Err(other_person(owned, newcomer, provider, &known))
            }
        }
    }

    /// Does a login there that names no account end as the account named after the provider? Not if
    /// the person might turn out to have another one there: see [`Self::account_of_login`].
    pub(super) fn is_named_after_provider(&self, request: &LoginRequest) -> bool {
        let [provider] = &request.providers[..] else {
            return false;
        };
        let name = provider.name();
        let known = self.known();
        let mut there = known
            .iter()
            .filter(|one| one.issuer == provider.issuer && one.provider == name);
        there.all(|one| one.name == name)
    }

    /// The address of the person whose account a login to `provider` is going to be, if it is
    /// known.
    pub(super) fn expected_person(
        &self,
        wanted: Option<&AccountName>,
        provider: &Provider,
    ) -> Option<String> {
        let name = wanted.map_or(provider.name(), AccountName::as_str);
        let account = self.lock().get(name).cloned()?;
        let state = account.state();
        if state.record.provider.issuer != provider.issuer {
            return None;
        }
        let claims = state.credentials.pk_token.unverified_claims();
        claims.email().map(str::to_owned)
    }

    /// Is there an account that may belong to the same grant at the provider as a new login does?
    /// In doubt there is.
    pub(super) fn shares_grant(&self, issuer: &str, subject: Option<&str>) -> bool {
        let accounts: Vec<_> = self.lock().values().cloned().collect();
        let is_held = accounts.iter().any(|one| {
            let record = &one.state().record;
            record.provider.issuer == issuer
                && (subject.is_none() || record.subject().as_deref() == subject)
        });
        let may_be = |entry: &Entry| match &entry.subject {
            Some(theirs) => subject.is_none_or(|subject| subject == theirs),
            None => true,
        };
        is_held
            || self.missing().iter().any(|Missing { entry, .. }| {
                !entry.leaving && entry.issuer == issuer && may_be(entry)
            })
    }

    /// Every account that there is, whether the store has given it back or not.
    fn known(&self) -> Vec<Known> {
        let accounts: Vec<_> = self.lock().values().cloned().collect();
        let mut known: Vec<Known> = accounts
            .iter()
            .map(|account| {
                let state = account.state();
                Known {
                    name: account.alias.clone(),
                    issuer: state.record.provider.issuer.clone(),
                    provider: state.record.provider.name().to_owned(),
                    subject: state
                        .credentials
                        .pk_token
                        .unverified_claims()
                        .sub()
                        .to_owned(),
                    who: report::who(&state),
                }
            })
            .collect();
        for missing in self.missing().iter() {
            let entry = &missing.entry;
            // a login that was cut short owns no name
            let gone = entry.leaving || missing.is_empty;
            if let (Some(subject), false) = (&entry.subject, gone) {
                known.push(Known {
                    name: entry.alias.clone(),
                    issuer: entry.issuer.clone(),
                    provider: entry.provider_aliases.first().cloned().unwrap_or_default(),
                    subject: subject.clone(),
                    who: subject.clone(),
                });
            }
        }
        known
    }
}

fn other_person(
    owned: &Known,
    newcomer: &str,
    provider: &Provider,
    known: &[Known],
) -> OtherPerson {
    let provider = typed(provider);
    let free = |name: &String| {
        AccountName::parse(name).is_ok() && known.iter().all(|one| one.name != *name)
    };
    let name = [newcomer.to_owned(), format!("{}-2", owned.name)]
        .into_iter()
        .find(free)
        .unwrap_or_else(|| "NAME".to_owned());
    OtherPerson {
        account: owned.name.clone(),
        owner: owned.who.clone(),
        newcomer: newcomer.to_owned(),
        hint: format!(
            "to have both: opkssh login {provider} --as {name}; to replace it: opkssh logout {} \
             first",
            owned.name
        ),
    }
}
