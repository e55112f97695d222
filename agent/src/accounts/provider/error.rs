//! Why a provider could not be asked, or did not give what was asked for.

use std::time::Duration;

use openidconnect::ConfigurationError;
use opkssh_protocol::printable::{Printable, printable};

/// One request and its answer, from the first byte of the connection to the last of the body.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// What a token request is sent to, in messages.
pub(super) const TOKEN_ENDPOINT: &str = "token endpoint";

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
    /// With the error code (RFC 6749 section 5.2).
    #[error(
        "the provider answered {}{}",
        shown(error),
        description.as_deref().map(|text| format!(": {}", shown(text))).unwrap_or_default()
    )]
    Refused {
        error: String,
        description: Option<String>,
    },
    #[error("the provider did not answer within {} seconds", .0.as_secs())]
    TimedOut(Duration),
    #[error("the provider's answer holds no ID token")]
    NoIdToken,
    #[error(
        "{0} offers no device flow: its discovery document names no device_authorization_endpoint"
    )]
    NoDeviceFlow(String),
    #[error("nobody finished the login before its code expired")]
    CodeExpired,
    #[error("the redirect URI {0:?} is not usable: it must be http://localhost:PORT/PATH")]
    RedirectUri(String),
    #[error("the provider's discovery document is not understood: {0}")]
    NoTokenEndpoint(#[from] ConfigurationError),
}

/// What a failed request did at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// None: it can be sent again.
    None,
    /// Refused for good: this refresh token never works again.
    InvalidGrant,
    /// Refused until the person logs in (OpenID Connect Core section 3.1.2.6).
    NeedsPerson,
    /// Refused for another reason, other than for the moment.
    Refused,
    /// Unknown: it was sent, and no answer came that says otherwise.
    Unknown,
}

impl OidcError {
    /// Makes the error of an answer of `what` that cannot be used.
    pub(super) fn nonsense(what: &'static str, detail: impl ToString) -> Self {
        let detail = detail.to_string();
        Self::Nonsense { what, detail }
    }

    /// Returns the error code (RFC 6749 section 5.2) that the provider answered.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Returns what the request that failed did at the provider.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Refused { error, .. } => match error.as_str() {
                "invalid_grant" => Effect::InvalidGrant,
                "login_required"
                | "interaction_required"
                | "consent_required"
                | "account_selection_required" => Effect::NeedsPerson,
                "temporarily_unavailable" | "server_error" | "slow_down" => Effect::None,
                _ => Effect::Refused,
            },
            Self::TimedOut(_)
            | Self::Nonsense {
                what: TOKEN_ENDPOINT,
                ..
            } => Effect::Unknown,
            Self::Http { source, .. } => match source {
                HttpError::Timeout { .. } | HttpError::Broken { .. } | HttpError::TooLarge(_) => {
                    Effect::Unknown
                }
                // a gateway has lost the provider's answer
                HttpError::Status {
                    status: 502 | 504, ..
                } => Effect::Unknown,
                _ => Effect::None,
            },
            _ => Effect::None,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("{0} is not an https address")]
    NotHttps(String),
    #[error("{host} did not answer within {} seconds", REQUEST_TIMEOUT.as_secs())]
    Timeout { host: String },
    #[error("{host} cannot be reached: {cause}")]
    Unreachable { host: String, cause: String },
    #[error("the connection to {host} broke: {cause}")]
    Broken { host: String, cause: String },
    #[error("the answer of {0} is too large")]
    TooLarge(String),
    #[error("{url} answered {status}")]
    Status { url: String, status: u16 },
    #[error("{0} redirects too often")]
    Redirects(String),
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// Returns what a provider said, escaped and shortened.
fn shown(text: &str) -> Printable<'_> {
    printable(text).at_most(300)
}
