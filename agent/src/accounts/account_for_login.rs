//! Which account a login is for. Pure.

use opkssh_protocol::account_name::AccountName;
use opkssh_protocol::config::Provider;
use opkssh_protocol::control::LoginRequest;

use super::credentials::Credentials;
use super::lifecycle::Leaving;
use super::login::typed;
use super::material::{AccountFacts, Facts, Person};

/// Somebody else logged in than the account's owner. Nothing was replaced.
#[derive(Debug, thiserror::Error)]
#[error("the account {account} is {owner}'s, and {newcomer} has logged in: nothing was changed")]
pub struct OtherPerson {
    account: String,
    owner: String,
    newcomer: String,
    /// What the person can do about it.
    pub hint: String,
}

/// Returns the name of the account that a login is for. With `wanted`: that one, if it is free or
/// this person's. Without: the account that this person has at the provider already; else the
/// provider's name, if it is free.
pub fn account_of_login(
    facts: &Facts,
    wanted: Option<&AccountName>,
    credentials: &Credentials,
) -> Result<String, OtherPerson> {
    let person = Person::of(credentials);
    let provider = credentials.provider();
    let name = wanted.map_or(provider.name(), AccountName::as_str);
    let named = facts.accounts.iter().find(|one| one.name == name);
    if named.is_some_and(|one| is_of(one, &person)) {
        return Ok(name.to_owned());
    }
    let mut accounts = facts.accounts.iter();
    let other = accounts.find(|one| {
        let is_there = one.leaving == Leaving::No && !one.is_free();
        is_there && is_of(one, &person) && provider_name(one) == provider.name()
    });
    match (wanted, other, named) {
        (None, Some(other), _) => Ok(other.name.clone()),
        (_, _, Some(owned)) if !owned.is_free() => {
            Err(other_person(facts, owned, credentials.who(), provider))
        }
        _ => Ok(name.to_owned()),
    }
}

/// Returns true if the account is this person's. An early version's index does not say whose it is:
/// then its item does; without that, whoever logs in at its issuer may have it back.
pub fn is_of(account: &AccountFacts, person: &Person) -> bool {
    let in_index = account.person.subject.as_deref();
    let known = in_index.or_else(|| Some(account.item()?.credentials.subject()));
    account.person.issuer == person.issuer
        && known.is_none_or(|known| person.subject.as_deref() == Some(known))
}

/// Returns true if a login there that names no account ends as the account named after the
/// provider. It does not if the person might turn out to have another one there: see
/// [`account_of_login`].
pub fn is_named_after_provider(facts: &Facts, request: &LoginRequest) -> bool {
    let [provider] = &request.providers[..] else {
        return false;
    };
    let name = provider.name();
    facts.accounts.iter().all(|one| {
        let is_there = one.person.issuer == provider.issuer && provider_name(one) == name;
        !is_there || one.name == name
    })
}

/// Returns the address of the person whose account a login to `provider` is going to be, if it is
/// known.
pub fn expected_person(
    facts: &Facts,
    wanted: Option<&AccountName>,
    provider: &Provider,
) -> Option<String> {
    let name = wanted.map_or(provider.name(), AccountName::as_str);
    let account = facts.accounts.iter().find(|one| one.name == name)?;
    if account.person.issuer != provider.issuer || account.leaving != Leaving::No {
        return None;
    }
    account.item()?.credentials.email().map(str::to_owned)
}

/// Returns true if there is an account that may belong to the same grant at the provider as a new
/// login does. In doubt there is.
pub fn shares_grant(facts: &Facts, issuer: &str, subject: Option<&str>) -> bool {
    facts.accounts.iter().any(|account| {
        let may_be = match (&account.person.subject, subject) {
            (Some(theirs), Some(subject)) => theirs == subject,
            _ => true,
        };
        account.leaving == Leaving::No && account.person.issuer == issuer && may_be
    })
}

/// What the account's provider is called.
fn provider_name(account: &AccountFacts) -> &str {
    let profile = account.profile.as_ref();
    let alias = profile.and_then(|profile| profile.provider_aliases.first());
    alias.unwrap_or(&account.person.issuer)
}

fn other_person(
    facts: &Facts,
    owned: &AccountFacts,
    newcomer: &str,
    provider: &Provider,
) -> OtherPerson {
    let provider = typed(provider);
    let is_free = |name: &String| {
        AccountName::parse(name).is_ok() && facts.accounts.iter().all(|one| one.name != *name)
    };
    let name = [newcomer.to_owned(), format!("{}-2", owned.name)]
        .into_iter()
        .find(is_free)
        .unwrap_or_else(|| "NAME".to_owned());
    let owner = match (owned.item(), &owned.person.subject) {
        (Some(item), _) => item.credentials.who(),
        (None, Some(subject)) => subject,
        (None, None) => "another person",
    };
    OtherPerson {
        account: owned.name.clone(),
        owner: owner.to_owned(),
        newcomer: newcomer.to_owned(),
        hint: format!(
            "to log in as {owner}: opkssh login {provider} --as {0} --prompt select_account; to have \
             both: opkssh login {provider} --as {name}; to replace it: opkssh logout {0} first",
            owned.name
        ),
    }
}
