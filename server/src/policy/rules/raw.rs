//! The serde types of `rules.yml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::slot::Kind;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    pub(super) never_accounts: Option<Vec<String>>,
    pub(super) time_zone: Option<String>,
    pub(super) rules: Option<Vec<RawRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) name: String,
    #[serde(default)]
    pub(super) effect: Effect,
    pub(super) issuer: Option<Value>,
    pub(super) accounts: Option<Value>,
    pub(super) account_from: Option<RawAccount>,
    pub(super) when: Option<Vec<RawCondition>>,
    pub(super) email_verified: Option<bool>,
    pub(super) acr: Option<Value>,
    pub(super) amr: Option<Value>,
    pub(super) max_age: Option<String>,
    pub(super) max_age_since_refresh: Option<String>,
    pub(super) not_before: Option<String>,
    pub(super) not_after: Option<String>,
    pub(super) hours: Option<Vec<RawHours>>,
    pub(super) client_address: Option<Value>,
    pub(super) slots: Option<BTreeMap<String, RawSlot>>,
    pub(super) options: Option<RawOptions>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Effect {
    #[default]
    Allow,
    Deny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAccount {
    pub(super) claim: Value,
    pub(super) part: Option<Part>,
    pub(super) domain: Option<Value>,
    pub(super) prefix: Option<String>,
    pub(super) suffix: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSlot {
    pub(super) claim: Value,
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    pub(super) part: Option<Part>,
    pub(super) domain: Option<Value>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Part {
    Local,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Missing {
    Ignore,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCondition {
    pub(super) claim: Value,
    pub(super) is: Option<Value>,
    pub(super) is_not: Option<Value>,
    pub(super) glob: Option<Value>,
    pub(super) glob_not: Option<Value>,
    pub(super) has: Option<Value>,
    pub(super) has_not: Option<Value>,
    pub(super) present: Option<bool>,
    pub(super) missing: Option<Missing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHours {
    pub(super) days: Option<Vec<String>>,
    pub(super) from: String,
    pub(super) to: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct RawOptions {
    pub(super) restrict: bool,
    pub(super) agent_forwarding: bool,
    pub(super) no_agent_forwarding: bool,
    pub(super) port_forwarding: bool,
    pub(super) no_port_forwarding: bool,
    pub(super) pty: bool,
    pub(super) no_pty: bool,
    pub(super) user_rc: bool,
    pub(super) no_user_rc: bool,
    pub(super) x11_forwarding: bool,
    pub(super) no_x11_forwarding: bool,
    pub(super) command: Option<String>,
    pub(super) from: Option<Value>,
    pub(super) permitopen: Option<Value>,
    pub(super) permitlisten: Option<Value>,
    pub(super) environment: Option<BTreeMap<String, String>>,
    pub(super) expiry_time: Option<String>,
}
