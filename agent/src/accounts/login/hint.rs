//! What the person can do about a login that failed.

use opkssh_protocol::config::Provider;
use opkssh_protocol::control::{Failure, Flow, LoginRequest};
use opkssh_protocol::id_token::IdTokenError;
use opkssh_protocol::pk_token::PkTokenError;
use opkssh_protocol::printable::printable;

use super::error::LoginError;
use crate::accounts::provider::{HttpError, OidcError};

/// Returns a failed login as the client is told of it.
pub(super) fn failure(error: &LoginError, provider: &Provider, request: &LoginRequest) -> Failure {
    Failure {
        message: error.to_string(),
        hint: hint(error, provider, request),
        inconclusive: matches!(
            error,
            LoginError::Oidc(
                OidcError::TimedOut(_)
                    | OidcError::Http {
                        source: HttpError::Unreachable { .. } | HttpError::Timeout { .. },
                        ..
                    }
            )
        ),
        ..Failure::default()
    }
}

/// Returns the provider as the person names it on the command line.
pub fn typed(provider: &Provider) -> String {
    match provider.aliases.first() {
        Some(alias) => alias.clone(),
        None => format!("--provider {},{}", provider.issuer, provider.client_id),
    }
}

/// Returns the arguments of `opkssh login` that begin this login again.
fn arguments(provider: &Provider, request: &LoginRequest) -> String {
    match &request.account {
        // also where the configuration has no such provider, or no longer
        Some(account) if request.again => account.to_string(),
        Some(account) if account.as_str() != provider.name() => {
            format!("{} --as {account}", typed(provider))
        }
        _ => typed(provider),
    }
}

fn hint(error: &LoginError, provider: &Provider, request: &LoginRequest) -> Option<String> {
    let arguments = arguments(provider, request);
    let in_browser = format!("opkssh login {arguments}");
    let again = match request.flow {
        Flow::Browser => in_browser.clone(),
        Flow::Device => format!("opkssh login --device {arguments}"),
    };
    Some(match error {
        LoginError::Oidc(error) => match error {
            OidcError::Refused { error, .. }
                if request.flow == Flow::Device
                    && matches!(&**error, "unauthorized_client" | "unsupported_grant_type") =>
            {
                format!(
                    "allow the device flow (grant type \
                     urn:ietf:params:oauth:grant-type:device_code) for client {} at the provider, \
                     or log in with a browser: {in_browser}",
                    provider.client_id
                )
            }
            OidcError::Refused { error, description } => {
                return refused(error, description.as_deref(), provider, &again);
            }
            OidcError::Issuer { got, configured }
                if got.trim_end_matches('/') == configured.trim_end_matches('/') =>
            {
                format!(
                    "write the issuer exactly as the provider does: {}",
                    printable(got)
                )
            }
            OidcError::Issuer { .. } => {
                "set `issuer:` in the client configuration to the name the provider uses".to_owned()
            }
            OidcError::Http { source, what } => match source {
                HttpError::Unreachable { .. } | HttpError::Timeout { .. } => {
                    "check the network. Behind a proxy set HTTPS_PROXY, for a private CA \
                     SSL_CERT_FILE, then restart the agent: opkssh agent restart"
                        .to_owned()
                }
                HttpError::Status { status: 404, .. } => {
                    format!(
                        "is {} the right issuer? Its {what} is not there",
                        provider.issuer
                    )
                }
                _ => return None,
            },
            OidcError::Endpoint { name, .. } => {
                format!(
                    "the provider has to put an https address there: have it correct its {name}"
                )
            }
            OidcError::NoIdToken => format!(
                "allow the scope `openid` for client {} at the provider",
                provider.client_id
            ),
            OidcError::NoDeviceFlow(_) => format!("log in with a browser: {in_browser}"),
            OidcError::CodeExpired => format!("log in again: {again}"),
            OidcError::RedirectUri(_) => {
                "correct `redirect_uris:` in the client configuration".to_owned()
            }
            OidcError::Nonsense { .. } | OidcError::TimedOut(_) | OidcError::NoTokenEndpoint(_) => {
                return None;
            }
        },
        LoginError::NotLoopback(_) => {
            "correct `redirect_uris:` in the client configuration".to_owned()
        }
        LoginError::AllBusy(_) => "end the other login, or free one of these ports".to_owned(),
        LoginError::PkToken(PkTokenError::NoCommitment(_) | PkTokenError::Commitment { .. }) => {
            "the provider must return the nonce it was sent; this one cannot be used".to_owned()
        }
        LoginError::Outdated { .. }
        | LoginError::PkToken(PkTokenError::IdToken(
            IdTokenError::FromTheFuture { .. } | IdTokenError::NotYetValid { .. },
        )) => "set the clock of this machine".to_owned(),
        LoginError::NoNonceInDeviceFlow(_) => format!("log in with a browser: {in_browser}"),
        LoginError::OtherIssuer { .. } => format!(
            "its code was not used. Where this happens again, remove {} from the client \
             configuration: a provider that sends your browser to another one can get logins of \
             yours there",
            provider.name()
        ),
        LoginError::NoIssuer(_) => {
            format!("log in again: {again}; where the address is pasted, the whole of it is needed")
        }
        LoginError::NoCode | LoginError::NobodyCame(_) | LoginError::NeedsPerson(_) => {
            format!("log in again: {again}")
        }
        _ => return None,
    })
}

/// What a provider's refusal means, and what to register to cure it.
fn refused(
    error: &str,
    description: Option<&str>,
    provider: &Provider,
    again: &str,
) -> Option<String> {
    let client = &provider.client_id;
    let redirect = description.is_some_and(|text| text.to_ascii_lowercase().contains("redirect"));
    Some(match error {
        "access_denied" => format!("log in again and allow it: {again}"),
        _ if redirect => format!(
            "register these redirect URIs for client {client}: {}",
            provider.redirect_uris.join(" ")
        ),
        "invalid_client" | "unauthorized_client" if provider.client_secret.is_some() => format!(
            "check client_secret of client {client}, or register it as a public client and leave \
             the secret out"
        ),
        "invalid_client" | "unauthorized_client" => format!(
            "register client {client} as a public client (authorization code with PKCE, no \
             secret), or put its client_secret into the client configuration"
        ),
        "invalid_scope" => format!(
            "allow the scopes `{}` for client {client}, or narrow `scopes:` in the client \
             configuration",
            provider.scopes.join(" ")
        ),
        "login_required" | "interaction_required" | "consent_required" | "invalid_grant" => {
            format!("log in again: {again}")
        }
        "temporarily_unavailable" | "server_error" => {
            "the provider has a problem of its own; try again later".to_owned()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
