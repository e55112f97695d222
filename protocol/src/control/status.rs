//! The answer to `status`.

use serde::{Deserialize, Serialize};

use super::LockedPart;
use crate::config::{Forwarding, OnDemand};
use crate::time::UnixTime;

/// The daemon's state, and its accounts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusReport {
    /// State of the daemon.
    pub agent: AgentStatus,
    /// Its accounts.
    pub accounts: Vec<AccountStatus>,
    /// Problem to report: refused signatures, unsafe settings.
    pub notices: Vec<Notice>,
    /// Machines through which the user has permitted every use of an account.
    #[serde(default)]
    pub jump_hosts: Vec<JumpHost>,
}

/// A problem to report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Time of the last occurrence; `None`: the problem persists.
    pub at: Option<UnixTime>,
    /// The problem in one line.
    pub text: String,
}

/// State of the daemon.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AgentStatus {
    /// Version of the program.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// Time of the start.
    pub started: UnixTime,
    /// Path of the agent socket.
    pub agent_socket: String,
    /// Path of the control socket.
    pub control_socket: String,
    /// Store for new accounts: `secret-service`, `file` or `memory`.
    pub store: String,
    /// Reason for this store, as text.
    pub store_reason: String,
    /// Store option at start: `auto`, `keyring`, `file` or `memory`. Empty: an older daemon.
    #[serde(default)]
    pub store_wish: String,
    /// Option at start: `off`, `auto` or `strict`. Empty: an older daemon.
    #[serde(default)]
    pub memory_lock: String,
    /// Whether secrets are locked into RAM, as text.
    #[serde(default)]
    pub memory: String,
    /// Seconds without a connection after which the daemon exits; `None`: never.
    pub idle_stop: Option<u64>,
    /// Seconds after its login at which an account is logged out; `None`: never.
    pub lifetime: Option<u64>,
    /// Log level at start: `error`, `warn`, `info`, `debug` or `trace`.
    #[serde(default)]
    pub log_level: String,
    /// Whether the program file was replaced or removed since the start.
    #[serde(default)]
    pub replaced: bool,
    /// Locked parts, in the order in which to unlock them.
    #[serde(default)]
    pub locked: Vec<LockedPart>,
    /// Accounts whose login or latest state is only in memory and would be lost with the daemon,
    /// including those hidden by a lock.
    #[serde(default)]
    pub at_risk: Vec<String>,
    /// Number of keys from `ssh-add`, which are only in memory.
    #[serde(default)]
    pub added_keys: usize,
    /// Sockets of the upstream agents.
    #[serde(default)]
    pub upstream: Vec<String>,
    /// Socket of the agent of the session in which the daemon was started, if there was one.
    #[serde(default)]
    pub session_agent: Option<String>,
}

/// State of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccountStatus {
    /// Name of the account on the command line.
    pub alias: String,
    /// Name of the provider.
    #[serde(default)]
    pub provider: String,
    /// Whether this is the default account.
    pub default: bool,
    /// Issuer URL.
    pub issuer: String,
    /// Client id.
    pub client_id: String,
    /// The token's `sub`.
    pub subject: String,
    /// The token's `email`, if it has one.
    pub email: Option<String>,
    /// `SHA256:…` of the user key, as shown by `ssh-add -l`.
    pub fingerprint: String,
    /// The certificate itself is omitted because it contains the ID token. It is available from the
    /// agent socket.
    pub state: AccountState,
    /// End of validity under the planned [`expiration`](Self::expiration); `None`: no end.
    pub usable_until: Option<UnixTime>,
    /// Expiration policy that renewals are planned for: `24h`, `oidc`, …
    pub expiration: String,
    /// How the account is renewed.
    pub renewal: Renewal,
    /// [`renewal`](Self::renewal) as text: "renews by itself", "needs you every 24 h", …
    pub renewal_words: String,
    /// Time of the next automatic renewal, if any.
    pub next_renewal: Option<UnixTime>,
    /// End of the account's lifetime, if limited; see [`AgentStatus::lifetime`].
    pub logs_out_at: Option<UnixTime>,
    /// Usable, but expires soon and needs an interactive login.
    #[serde(default)]
    pub ends_soon: bool,
    /// Error of the last renewal, if it failed.
    pub last_error: Option<String>,
    /// `secret-service`, `file` or `memory`.
    pub store: String,
    /// Whether the store has the latest state, otherwise the error.
    pub store_error: Option<String>,
    /// Patterns in `hosts:`.
    pub hosts: Vec<String>,
    /// Reaction when ssh needs an interactive login.
    #[serde(default)]
    pub on_demand: OnDemand,
    /// Use through a forwarded agent.
    #[serde(default)]
    pub forwarding: Forwarding,
    /// Whether a person is asked before this machine's own programs use it.
    #[serde(default)]
    pub confirm_local: bool,
    /// The access token is not in the certificate, because the account has no
    /// [`hosts`](Self::hosts).
    #[serde(default)]
    pub withholds_access_token: bool,
}

/// A machine through which an account may be used without a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JumpHost {
    /// Name of the account.
    pub account: String,
    /// Issuer and subject of its login.
    pub person: String,
    /// `SHA256:…` of the host key.
    pub host_key: String,
    /// Name in known_hosts when it was permitted; empty: it had none.
    pub name: String,
    /// When the user permitted it; the time of the report if it is temporary.
    pub since: UnixTime,
    /// End of the permission; `None`: until it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixTime>,
}

/// Whether an account can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountState {
    /// ssh can use it now.
    Usable,
    /// Expired or about to expire, and renewable without interaction.
    Stale,
    /// Only an interactive login makes it usable.
    LoginNeeded,
}

/// Renewal method of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Renewal {
    /// Not tried yet.
    Unknown,
    /// The provider repeats the nonce: each renewal gives a new PK token, valid on every server.
    ByItself,
    /// The refreshed ID token is attached, which counts on servers with `oidc_refreshed`.
    OnRefreshedServers,
    /// No refresh token, or the provider's refresh gives no ID token.
    NeedsPerson,
}
