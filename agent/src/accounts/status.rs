//! What `status` says.

use std::time::Duration;

use opkssh_protocol::control::{AccountStatus, WhichAccount};
use opkssh_protocol::time::UnixTime;

use super::clock::Clock;
use super::lifecycle::Hidden;
use super::locked;
use super::material::{AccountFacts, Item, renewal};
use super::owner::{Owner, Published, visibility};
use super::renewal::plan::renewal_words;
use super::select::find;
use super::settings::Settings;
use super::store::StoreKind;
use crate::serving::host_view::UnavailableAccount;

/// How long `status` waits for a store that has not answered before.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Returns every account, those that cannot be used as notices.
pub async fn reports(
    owner: &Owner,
    settings: &Settings,
    clock: &Clock,
) -> (Vec<AccountStatus>, Vec<String>) {
    // goes on by itself where the keyring is slow: the next status has it
    owner.bring_back(TIMEOUT).await;
    let (published, now) = (owner.now(), clock.now());
    let (mut reports, mut notices) = (Vec::new(), Vec::new());
    for account in &published.facts.accounts {
        match published.shown(account, now) {
            Ok(item) => reports.push(of_item(&published, account, item, now)),
            Err(hidden) => {
                let mut why = published.why_hidden(account, hidden);
                if let Hidden::StoreClosed(_) = hidden
                    && let Some(error) = published.closed_store_error(account)
                    && let Some(hint) = error.hint()
                {
                    why += &format!("; {hint}");
                }
                notices.push(format!("account {} is not usable: {why}", account.name));
            }
        }
    }
    reports.sort_by(|one, other| one.alias.cmp(&other.alias));
    notices.sort();
    let in_force = &published.facts.agent.settings;
    notices.extend(settings.unreadable());
    notices.extend(in_force.warnings().iter().cloned());
    let accounts = published.facts.accounts.iter();
    let names: Vec<&str> = accounts.map(|account| account.name.as_str()).collect();
    notices.extend(in_force.unknown_accounts(&names));
    (reports, notices)
}

/// Returns the accounts that no server sees now.
pub fn unavailable(published: &Published, now: UnixTime) -> Vec<UnavailableAccount> {
    let part = locked::part(&published.facts);
    let unavailable = |account: &AccountFacts| {
        let hidden = published.shown(account, now).err()?;
        Some(UnavailableAccount {
            name: account.name.clone(),
            visibility: visibility(account),
            is_locked: part.is_some(),
            reason: match part {
                Some(part) => locked::words(part).to_owned(),
                None => published.why_hidden(account, hidden),
            },
        })
    };
    let accounts = published.facts.accounts.iter().filter_map(unavailable);
    let mut accounts: Vec<_> = accounts.collect();
    accounts.sort_by(|one, other| one.name.cmp(&other.name));
    accounts
}

/// Returns what is to be said of an account in memory.
pub fn of_item(
    published: &Published,
    account: &AccountFacts,
    item: &Item,
    now: UnixTime,
) -> AccountStatus {
    let facts = &published.facts;
    let credentials = &item.credentials;
    let provider = credentials.provider();
    let settings = &facts.agent.settings;
    let plan = published.plan(account, item);
    let (visibility, renewal) = (visibility(account), renewal(item));
    let expiration = settings.expiration(&account.name, provider);
    let default = find(facts, &WhichAccount::Default);
    AccountStatus {
        alias: account.name.clone(),
        provider: provider.name().to_owned(),
        default: default
            .first()
            .is_some_and(|default| default.name == account.name),
        issuer: provider.issuer.clone(),
        client_id: provider.client_id.clone(),
        subject: credentials.subject().to_owned(),
        email: credentials.email().map(str::to_owned),
        fingerprint: credentials.fingerprint(),
        state: published.state(account, item, now),
        usable_until: plan.deadline,
        expiration: expiration.to_string(),
        renewal,
        renewal_words: renewal_words(renewal, expiration),
        next_renewal: plan.renew_at,
        logs_out_at: account.ends_at(facts.agent.lifetime),
        ends_soon: plan.ends_soon(credentials.times(), now),
        last_error: published.renewal_error(account, now),
        store: account.store.map_or("memory", StoreKind::name).to_owned(),
        store_error: published.store_error(account).map(ToString::to_string),
        on_demand: settings.on_demand(&account.name, provider),
        forwarding: visibility.forwarding,
        confirm_local: visibility.confirm_local,
        withholds_access_token: credentials.withholds_access_token(&visibility),
        hosts: visibility.hosts,
    }
}
