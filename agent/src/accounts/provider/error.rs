//! Why a provider could not be asked, or did not give what was asked for.

use std::time::Duration;

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
    /// Makes the error of an answer of `what` that cannot be used.
    pub(super) fn nonsense(what: &'static str, detail: impl ToString) -> Self {
        let detail = detail.to_string();
        Self::Nonsense { what, detail }
    }

    /// Returns the error code (RFC 6749 section 5.2) that the provider answered.
    fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Returns true if the provider does not know the client, or not in the way that it
    /// authenticated.
    pub fn is_invalid_client(&self) -> bool {
        self.code() == Some("invalid_client")
    }

    /// Returns true if the provider answered that it needs the person (OpenID Connect Core section
    /// 3.1.2.6), to `prompt=none` or to a refresh.
    pub fn needs_person(&self) -> bool {
        matches!(
            self.code(),
            Some(
                "login_required"
                    | "interaction_required"
                    | "consent_required"
                    | "account_selection_required"
            )
        )
    }

    /// Returns true if the provider has understood the request and turned it down, other than for
    /// the moment.
    pub fn is_refusal(&self) -> bool {
        let passing = ["temporarily_unavailable", "server_error", "slow_down"];
        self.code().is_some_and(|code| !passing.contains(&code))
    }

    /// Returns true if the code of the device flow ran out (RFC 8628 section 3.5).
    pub fn is_expired_token(&self) -> bool {
        self.code() == Some("expired_token")
    }

    /// Returns true if the provider has said that this refresh token will never work again (RFC
    /// 6749 section 5.2).
    pub fn is_invalid_grant(&self) -> bool {
        self.code() == Some("invalid_grant")
    }

    /// Returns true if the provider may have acted on the request that ended so: it was sent, and no
    /// answer came that says otherwise.
    pub fn was_acted_on(&self) -> bool {
        match self {
            Self::Http { source, .. } => match source {
                HttpError::Timeout { .. } | HttpError::Broken { .. } | HttpError::TooLarge(_) => {
                    true
                }
                // a gateway has lost the provider's answer
                HttpError::Status { status, .. } => matches!(status, 502 | 504),
                HttpError::NotHttps(_)
                | HttpError::Unreachable { .. }
                | HttpError::Redirects(_)
                | HttpError::Setup(_) => false,
            },
            Self::Nonsense { what, .. } => *what == TOKEN_ENDPOINT,
            _ => false,
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

/// Returns the innermost cause: it says what happened, the outer ones only that something did.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
