//! A provider entry of the client configuration, with defaults filled in.

use serde::{Deserialize, Serialize};

use super::{Forwarding, OnDemand};
use crate::pk_token::ExpirationPolicy;
use crate::secret::{self, Secret};

/// Redirect URIs registered for existing clients, in the order in which they are tried.
pub const DEFAULT_REDIRECT_URIS: [&str; 3] = [
    "http://localhost:3000/login-callback",
    "http://localhost:10001/login-callback",
    "http://localhost:11110/login-callback",
];

/// Everything that a login or a renewal needs to know about a provider.
#[derive(Clone, Serialize, Deserialize)]
pub struct Provider {
    /// Every alias; the first one is shown. Empty only for `--provider` strings.
    pub aliases: Vec<String>,
    /// Issuer URL, compared byte for byte with the token's `iss`.
    pub issuer: String,
    /// Client id, which must be in the token's `aud`.
    pub client_id: String,
    /// Client secret, if one is configured and the provider takes it.
    #[serde(default, with = "secret::exposed_option")]
    pub client_secret: Option<Secret>,
    /// Scopes to request.
    pub scopes: Vec<String>,
    /// The request parameter `access_type`.
    pub access_type: String,
    /// The request parameter `prompt`.
    pub prompt: String,
    /// Loopback redirect URIs, in the order in which they are tried.
    pub redirect_uris: Vec<String>,
    /// Sent as `redirect_uri` in place of the loopback address; the client still listens locally.
    pub remote_redirect_uri: Option<String>,
    /// Whether to put the access token into the certificate (extension `openpubkey-act`).
    pub send_access_token: bool,
    /// Host patterns (as in ssh_config) of the servers that see this account; empty: all. Not in
    /// Go.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Expiration policy for which renewals are planned. Not in Go.
    #[serde(default)]
    pub expiration: ExpirationPolicy,
    /// Reaction when ssh needs an interactive login. Not in Go.
    #[serde(default)]
    pub on_demand: OnDemand,
    /// Use through a forwarded agent. Not in Go.
    #[serde(default)]
    pub forwarding: Forwarding,
    /// Patterns of the machines through which [`Forwarding::Confirm`] asks nothing. Not in Go.
    #[serde(default)]
    pub allow_via: Vec<String>,
    /// Whether a person is asked before this machine's own programs use the account. Not in Go.
    #[serde(default)]
    pub confirm_local: bool,
}

impl Provider {
    /// Returns the name to show: the first alias, otherwise the issuer without its scheme.
    pub fn name(&self) -> &str {
        self.aliases.first().map_or_else(
            || self.issuer.trim_start_matches("https://"),
            String::as_str,
        )
    }

    /// Returns true if `alias` is one of the aliases.
    pub fn has_alias(&self, alias: &str) -> bool {
        self.aliases.iter().any(|known| known == alias)
    }
}
