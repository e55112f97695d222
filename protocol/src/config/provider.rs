//! One provider as the client uses it: an entry of the client configuration with its defaults
//! filled in.

use serde::{Deserialize, Serialize};

use super::{Forwarding, OnDemand};
use crate::pk_token::ExpirationPolicy;
use crate::secret::{self, Secret};

/// Redirect URIs that existing clients have registered, in the order they are tried.
pub const DEFAULT_REDIRECT_URIS: [&str; 3] = [
    "http://localhost:3000/login-callback",
    "http://localhost:10001/login-callback",
    "http://localhost:11110/login-callback",
];

/// A provider, ready to log in at. Everything a login or a renewal needs to know.
#[derive(Clone, Serialize, Deserialize)]
pub struct Provider {
    /// Every name the person may use for it; the first is the one we show. May be empty only for
    /// `--provider` strings.
    pub aliases: Vec<String>,
    pub issuer: String,
    pub client_id: String,
    #[serde(default, with = "secret::exposed_option")]
    pub client_secret: Option<Secret>,
    pub scopes: Vec<String>,
    pub access_type: String,
    pub prompt: String,
    pub redirect_uris: Vec<String>,
    /// Sent as `redirect_uri` in place of the loopback one; listening stays local.
    pub remote_redirect_uri: Option<String>,
    /// Put the access token into the certificate (extension `openpubkey-act`).
    pub send_access_token: bool,
    /// Ours: host patterns (as in ssh_config) this account is meant for; empty means all.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Ours: what to plan renewals for.
    #[serde(default)]
    pub expiration: ExpirationPolicy,
    /// Ours: what happens when ssh needs it and only a person can log in.
    #[serde(default)]
    pub on_demand: OnDemand,
    /// Ours: whether it may be used through a forwarded agent.
    #[serde(default)]
    pub forwarding: Forwarding,
}

impl Provider {
    /// The name to show for this provider: its first alias, else its issuer without scheme.
    pub fn name(&self) -> &str {
        self.aliases.first().map_or_else(
            || self.issuer.trim_start_matches("https://"),
            String::as_str,
        )
    }

    /// Is `word` one of its aliases, or its issuer?
    pub fn is_called(&self, word: &str) -> bool {
        self.has_alias(word) || self.issuer == word
    }

    pub fn has_alias(&self, alias: &str) -> bool {
        self.aliases.iter().any(|known| known == alias)
    }
}
