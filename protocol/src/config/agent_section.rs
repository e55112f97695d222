//! Our top-level key `agent:` of the client configuration, which Go's client ignores: the default
//! account, and settings of single accounts.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::expiration::expiration;
use super::forwarding::{Forwarding, forwarding};
use super::hosts::hosts;
use super::lock_on::{LockOn, lock_on};
use super::on_demand::{OnDemand, on_demand};
use crate::pk_token::ExpirationPolicy;

/// What `agent:` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct AgentSection {
    /// The account that is meant where none is named.
    #[serde(default)]
    pub default_account: Option<String>,
    /// By the account's name.
    #[serde(default)]
    pub accounts: BTreeMap<String, AccountOverrides>,
    /// When the identities are put away; empty: never. Counts from the agent's start.
    #[serde(default, deserialize_with = "lock_on")]
    pub lock_on: BTreeSet<LockOn>,
    /// Patterns of the servers that see an account only if its `hosts:` name them; `None`: those
    /// that the program knows.
    #[serde(default)]
    pub public_forges: Option<Vec<String>>,
}

/// What counts for one account in place of its provider's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct AccountOverrides {
    #[serde(default, deserialize_with = "hosts")]
    pub hosts: Option<Vec<String>>,
    #[serde(default, deserialize_with = "expiration")]
    pub expiration: Option<ExpirationPolicy>,
    #[serde(default, deserialize_with = "on_demand")]
    pub on_demand: Option<OnDemand>,
    #[serde(default, deserialize_with = "forwarding")]
    pub forwarding: Option<Forwarding>,
}
