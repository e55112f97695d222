//! Requests to log in.

use serde::{Deserialize, Serialize};

use super::WhichAccount;
use crate::account_name::AccountName;
use crate::config::Provider;

/// Parameters of a login.
#[derive(Clone, Serialize, Deserialize)]
pub struct LoginRequest {
    /// One provider, or several to choose from on a page in the browser.
    pub providers: Vec<Provider>,
    /// Algorithm of the user key.
    #[serde(default)]
    pub key_type: KeyType,
    /// Principals for the certificate; empty means the wildcard marker.
    #[serde(default)]
    pub principals: Vec<String>,
    /// Overrides the provider's `send_access_token`.
    pub send_access_token: Option<bool>,
    /// How the user logs in.
    #[serde(default)]
    pub flow: Flow,
    /// Set by the agent when it logs in to an existing account again.
    #[serde(skip)]
    pub again: bool,
    /// Account name. `None`: the name of this user's existing account, otherwise the provider's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// Parameters of the authentication request.
    #[serde(default, skip_serializing_if = "is_default")]
    pub asking: Asking,
    /// Options of this client.
    #[serde(default, skip_serializing_if = "is_default")]
    pub joining: Joining,
}

/// Parameters of this authentication request (OpenID Connect Core section 3.1.2.1). Not stored. For
/// [`Flow::Browser`] only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// Overrides the provider's `prompt`.
    pub prompt: Option<String>,
    /// Login hint; by default the email address of the account that logs in again.
    pub login_hint: Option<String>,
    /// Try `prompt=none` first. If the provider requires interaction, the same browser window
    /// continues with an ordinary login.
    #[serde(default)]
    pub silent_first: bool,
    /// Use `prompt=none` and fail if the provider requires interaction.
    #[serde(default)]
    pub silent_only: bool,
}

/// Options of one client for a login that other clients may share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joining {
    /// Whether this client can open the browser. The agent tells one client of a login to.
    pub opens_browser: bool,
    /// If the account became usable since the client last asked, answer with [`Event::Ready`](super::Event::Ready) and
    /// start no login.
    pub unless_usable: Option<WhichAccount>,
    /// Seconds that this client waits for the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
}

impl Default for Joining {
    fn default() -> Self {
        Self {
            opens_browser: true,
            unless_usable: None,
            timeout: None,
        }
    }
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How the user logs in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flow {
    /// In a browser on this machine: authorization code with a loopback redirect (RFC 8252).
    #[default]
    Browser,
    /// On any device, by typing a code (RFC 8628). Takes one provider: there is no chooser page.
    Device,
}

/// The user key's algorithm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyType {
    /// P-256, ES256, `ecdsa-sha2-nistp256`.
    #[default]
    Ecdsa,
    /// Ed25519, EdDSA, `ssh-ed25519`.
    Ed25519,
}
