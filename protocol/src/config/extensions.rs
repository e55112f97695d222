//! Keys that Go's client does not have. A wrong value fails at once and names its line, unlike for
//! Go's keys.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::pk_token::ExpirationPolicy;

/// The top-level key `agent:`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AgentSection {
    /// Account to use if a command names none.
    pub default_account: Option<String>,
    /// Settings by account name.
    pub accounts: BTreeMap<String, AccountOverrides>,
    /// Events that lock the identities; empty: none. Takes effect when the agent starts.
    #[serde(deserialize_with = "lock_on")]
    pub lock_on: BTreeSet<LockOn>,
    /// Patterns of servers that see an account only if its `hosts:` matches them; `None`:
    /// [`known_public_forges`].
    pub public_forges: Option<Vec<String>>,
    /// Agents whose keys are served beside the accounts: paths of sockets, `$SSH_AUTH_SOCK`, or
    /// names such as `gnome-keyring`; `None`: `$SSH_AUTH_SOCK` of the agent's start.
    pub upstream: Option<Vec<String>>,
}

/// Settings for one account that override those of its provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AccountOverrides {
    /// Patterns of the servers that see the account.
    #[serde(deserialize_with = "hosts")]
    pub hosts: Option<Vec<String>>,
    /// Expiration policy to plan renewals for.
    #[serde(deserialize_with = "expiration")]
    pub expiration: Option<ExpirationPolicy>,
    /// Reaction when ssh needs an interactive login.
    #[serde(deserialize_with = "on_demand")]
    pub on_demand: Option<OnDemand>,
    /// Use through a forwarded agent.
    #[serde(deserialize_with = "forwarding")]
    pub forwarding: Option<Forwarding>,
    /// Patterns of the machines through which no question is asked.
    pub allow_via: Option<Vec<String>>,
    /// Whether a person is asked before this machine's own programs use the account.
    pub confirm_local: Option<bool>,
}

/// Use of an account through a forwarded agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forwarding {
    /// Only for logins to servers that match `hosts:`.
    Allow,
    /// For logins to servers that match `hosts:`, after the user has said yes.
    #[default]
    Confirm,
    /// Never: forwarded connections neither see nor use the account.
    Deny,
}

/// Reaction to ssh needing an account that requires an interactive login.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDemand {
    /// Show a desktop notification that offers to log in.
    #[default]
    Notify,
    /// Open the browser at once.
    Browser,
    /// Do nothing; the user runs `opkssh login`.
    Off,
}

/// An event that locks the agent's identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockOn {
    /// The screen is locked.
    Screen,
    /// The machine is about to sleep.
    Sleep,
}

/// Reads `hosts`. Fails on an empty value, which would show the account to every server.
pub(super) fn hosts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    let hosts = Option::<Vec<String>>::deserialize(deserializer)?;
    let missing = "hosts: no value; list host patterns, or remove the key";
    hosts.map(Some).ok_or_else(|| D::Error::custom(missing))
}

/// Reads `expiration`.
pub(super) fn expiration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<ExpirationPolicy>, D::Error> {
    word(deserializer, |word| {
        let known = "12h, 24h, 48h, 1week, oidc, oidc_refreshed, never";
        let policy = word.parse();
        policy.map_err(|_| format!("expiration: {word:?} is none of {known}"))
    })
}

/// Reads `forwarding`.
pub(super) fn forwarding<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Forwarding>, D::Error> {
    word(deserializer, |word| match word {
        "allow" => Ok(Forwarding::Allow),
        "deny" => Ok(Forwarding::Deny),
        "confirm" => Ok(Forwarding::Confirm),
        _ => Err(format!(
            "forwarding: {word:?} is none of allow, confirm, deny"
        )),
    })
}

/// Reads `on_demand`. YAML 1.1 readers take a bare `off` for `false`, so `false` means `off` here.
pub(super) fn on_demand<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<OnDemand>, D::Error> {
    word(deserializer, |word| match word {
        "notify" => Ok(OnDemand::Notify),
        "browser" => Ok(OnDemand::Browser),
        "off" | "false" => Ok(OnDemand::Off),
        _ => Err(format!(
            "on_demand: {word:?} is none of notify, browser, off"
        )),
    })
}

/// Reads `lock_on`, a list of words; an empty value is an empty list.
fn lock_on<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<LockOn>, D::Error> {
    let words = Option::<Vec<String>>::deserialize(deserializer)?;
    let read = |word: String| match word.as_str() {
        "screen" => Ok(LockOn::Screen),
        "sleep" => Ok(LockOn::Sleep),
        _ => Err(D::Error::custom(format!(
            "lock_on: {word:?} is none of screen, sleep"
        ))),
    };
    words.unwrap_or_default().into_iter().map(read).collect()
}

fn word<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, D::Error> {
    let word = Option::<String>::deserialize(deserializer)?;
    let value = word.as_deref().map(read).transpose();
    value.map_err(D::Error::custom)
}

/// Returns the default of `agent.public_forges`. Names with a port are written as in known_hosts,
/// because a hashed name matches only as a whole.
pub fn known_public_forges() -> Vec<String> {
    [
        "github.com",
        "gist.github.com",
        "ssh.github.com",
        "[ssh.github.com]:443",
        "gitlab.com",
        "altssh.gitlab.com",
        "[altssh.gitlab.com]:443",
        "codeberg.org",
        "bitbucket.org",
        "altssh.bitbucket.org",
        "[altssh.bitbucket.org]:443",
        "git.sr.ht",
        "hg.sr.ht",
        "gitea.com",
        "git.launchpad.net",
        "salsa.debian.org",
        "ssh.dev.azure.com",
        "vs-ssh.visualstudio.com",
    ]
    .map(str::to_owned)
    .to_vec()
}
