//! The top-level key `agent:` of the client configuration, which Go's client ignores: the default
//! account, and settings for single accounts.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::expiration::expiration;
use super::forwarding::{Forwarding, forwarding};
use super::hosts::hosts;
use super::lock_on::{LockOn, lock_on};
use super::on_demand::{OnDemand, on_demand};
use crate::pk_token::ExpirationPolicy;

/// The section `agent:`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct AgentSection {
    /// Account to use if a command names none.
    #[serde(default)]
    pub default_account: Option<String>,
    /// Settings by account name.
    #[serde(default)]
    pub accounts: BTreeMap<String, AccountOverrides>,
    /// Events that lock the identities; empty: none. Takes effect when the agent starts.
    #[serde(default, deserialize_with = "lock_on")]
    pub lock_on: BTreeSet<LockOn>,
    /// Patterns of servers that see an account only if its `hosts:` matches them; `None`: the
    /// built-in list.
    #[serde(default)]
    pub public_forges: Option<Vec<String>>,
}

/// Settings for one account that override those of its provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct AccountOverrides {
    /// Patterns of the servers that see the account.
    #[serde(default, deserialize_with = "hosts")]
    pub hosts: Option<Vec<String>>,
    /// Expiration policy to plan renewals for.
    #[serde(default, deserialize_with = "expiration")]
    pub expiration: Option<ExpirationPolicy>,
    /// Reaction when ssh needs an interactive login.
    #[serde(default, deserialize_with = "on_demand")]
    pub on_demand: Option<OnDemand>,
    /// Use through a forwarded agent.
    #[serde(default, deserialize_with = "forwarding")]
    pub forwarding: Option<Forwarding>,
}
