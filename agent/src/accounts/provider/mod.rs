//! The OpenID provider's side of a login: discovery, the authorization URL, the token endpoint.

mod clients;
mod device;
mod discovery;
mod explain;
mod http;
mod revoke;
mod tokens;

pub use device::{ask_for_code, wait_for_tokens};
pub use discovery::{ProviderDocuments, discover};
pub use explain::explain;
pub use http::{Http, HttpError};
pub use revoke::revoke;
pub use tokens::{Authorization, Tokens, authorization, exchange_code, refresh};

use opkssh_protocol::printable::{Printable, printable};

/// Why the provider did not give us what we asked for.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    #[error("the provider's {what}: {source}")]
    Http {
        what: &'static str,
        source: HttpError,
    },
    #[error("the provider's {what} is not understood: {detail}")]
    Nonsense { what: &'static str, detail: String },
    #[error(
        "the provider's discovery document names another issuer: {}, configured is {configured}",
        shown(got)
    )]
    Issuer { got: String, configured: String },
    #[error(
        "the {name} of the provider's discovery document is not an https address: {}",
        shown(address)
    )]
    Endpoint { name: &'static str, address: String },
    #[error(
        "the provider answered {}{}",
        shown(error),
        description.as_deref().map(|text| format!(": {}", shown(text))).unwrap_or_default()
    )]
    Refused {
        error: String,
        description: Option<String>,
    },
    #[error("the provider's answer holds no ID token")]
    NoIdToken,
    #[error(
        "{0} offers no device flow: its discovery document names no device_authorization_endpoint"
    )]
    NoDeviceFlow(String),
    #[error("the redirect URI {0:?} is not usable: it must be http://localhost:PORT/PATH")]
    RedirectUri(String),
}

/// Returns what a provider said, escaped and shortened.
fn shown(text: &str) -> Printable<'_> {
    printable(text).at_most(300)
}

impl OidcError {
    /// Does the provider not know the client, or not in the way that it authenticated?
    pub fn is_invalid_client(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if error == "invalid_client")
    }

    /// Did the provider answer that it needs the person (OpenID Connect Core section 3.1.2.6), to
    /// `prompt=none` or to a refresh?
    pub fn needs_person(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if matches!(
            error.as_str(),
            "login_required"
                | "interaction_required"
                | "consent_required"
                | "account_selection_required"
        ))
    }

    /// Has the provider understood the request and turned it down, other than for the moment?
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if !matches!(
            error.as_str(),
            "temporarily_unavailable" | "server_error" | "slow_down"
        ))
    }

    /// Did the code of the device flow run out (RFC 8628 section 3.5)?
    pub fn is_expired_token(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if error == "expired_token")
    }

    /// Has the provider said that this refresh token will never work again (RFC 6749 section 5.2)?
    pub fn is_invalid_grant(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if error == "invalid_grant")
    }
}
