//! What `status` is answered with.

use serde::{Deserialize, Serialize};

use super::LockedPart;
use crate::config::{Forwarding, OnDemand};
use crate::time::UnixTime;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusReport {
    pub agent: AgentStatus,
    pub accounts: Vec<AccountStatus>,
    /// What the person should know: refused signatures, unsafe settings.
    pub notices: Vec<Notice>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// When it happened last; `None`: it is so now.
    pub at: Option<UnixTime>,
    pub text: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AgentStatus {
    pub version: String,
    pub pid: u32,
    pub started: UnixTime,
    pub agent_socket: String,
    pub control_socket: String,
    /// Which store new accounts get: `secret-service`, `file` or `memory`.
    pub store: String,
    /// Why that one, in words.
    pub store_reason: String,
    /// What it was started with: `auto`, `keyring`, `file` or `memory`. Empty: an older daemon.
    #[serde(default)]
    pub store_wish: String,
    /// What it was started with: `off`, `auto` or `strict`. Empty: an older daemon.
    #[serde(default)]
    pub memory_lock: String,
    /// Whether secrets are locked into RAM, in words.
    #[serde(default)]
    pub memory: String,
    /// After how many seconds without a connection it ends by itself; `None`: never.
    #[serde(default)]
    pub idle_stop: Option<u64>,
    /// How many seconds after its login each account is logged out; `None`: never.
    #[serde(default)]
    pub lifetime: Option<u64>,
    /// `error`, `warn`, `info`, `debug` or `trace`, as it was started.
    #[serde(default)]
    pub log_level: String,
    /// Its program was replaced or removed since it started.
    #[serde(default)]
    pub replaced: bool,
    /// What waits for a password, in the order in which to unlock it.
    #[serde(default)]
    pub locked: Vec<LockedPart>,
    /// Accounts whose login, or newest state, is in memory only and would be lost with the daemon,
    /// also those that a locked agent does not show.
    #[serde(default)]
    pub at_risk: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccountStatus {
    /// The name to use on the command line.
    pub alias: String,
    /// The name of its provider.
    #[serde(default)]
    pub provider: String,
    pub default: bool,
    pub issuer: String,
    pub client_id: String,
    pub subject: String,
    pub email: Option<String>,
    /// `SHA256:…` of the user key, as `ssh-add -l` shows it.
    pub fingerprint: String,
    /// The certificate's path-free authorized_keys form is not here on purpose: it holds the ID
    /// token. Ask the agent socket for it.
    pub state: AccountState,
    /// When the planned [`expiration`](Self::expiration) ends; `None`: it does not.
    pub usable_until: Option<UnixTime>,
    /// The expiration policy that is planned for: `24h`, `oidc`, …
    pub expiration: String,
    pub renewal: Renewal,
    /// [`renewal`](Self::renewal) in words: "renews by itself", "needs you every 24 h", …
    pub renewal_words: String,
    /// When it will next be renewed without a person, if it will.
    pub next_renewal: Option<UnixTime>,
    /// When its lifetime ends, if it has one; see [`AgentStatus::lifetime`].
    #[serde(default)]
    pub logs_out_at: Option<UnixTime>,
    /// Usable, but not for long, and only a person can move the end.
    #[serde(default)]
    pub ends_soon: bool,
    /// The last renewal that failed, in words.
    pub last_error: Option<String>,
    /// `secret-service`, `file` or `memory`.
    pub store: String,
    /// Whether the store has the newest state, else what is wrong with it.
    pub store_error: Option<String>,
    pub hosts: Vec<String>,
    #[serde(default)]
    pub on_demand: OnDemand,
    #[serde(default)]
    pub forwarding: Forwarding,
    /// Its access token is not in the certificate, because it has no [`hosts`](Self::hosts).
    #[serde(default)]
    pub withholds_access_token: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountState {
    Usable,
    /// Past its planned deadline (or about to be), renewable without a person.
    Stale,
    LoginNeeded,
}

/// How an account is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Renewal {
    /// Not tried yet.
    Unknown,
    /// The provider repeats the nonce: a new ordinary PK token, good on every server.
    ByItself,
    /// The refreshed ID token is attached: helps on servers with `oidc_refreshed`.
    OnRefreshedServers,
    /// No refresh token, or the provider gives no ID token on refresh.
    NeedsPerson,
}
