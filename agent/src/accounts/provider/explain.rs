//! What a provider's refusal means, and what to register to cure it.

use opkssh_protocol::config::Provider;
use opkssh_protocol::printable::printable;

use super::{HttpError, OidcError};

/// Returns one line that says what to do about `error`.
pub fn explain(error: &OidcError, provider: &Provider) -> Option<String> {
    let client = &provider.client_id;
    Some(match error {
        OidcError::Refused { error, description } => {
            refused(error, description.as_deref(), provider)?
        }
        OidcError::Issuer { got, configured } => {
            if got.trim_end_matches('/') == configured.trim_end_matches('/') {
                format!("write the issuer exactly as the provider does: {}", printable(got))
            } else {
                "set `issuer:` in the client configuration to the name the provider uses".to_owned()
            }
        }
        OidcError::Http { source: HttpError::Unreachable { .. } | HttpError::Timeout { .. }, .. } => {
            "check the network. Behind a proxy set HTTPS_PROXY, for a private CA SSL_CERT_FILE, then \
             restart the agent: opkssh agent stop"
                .to_owned()
        }
        OidcError::Http { source: HttpError::Status { status: 404, .. }, what } => {
            format!("is {} the right issuer? Its {what} is not there", provider.issuer)
        }
        OidcError::Endpoint { name, .. } => {
            format!("the provider has to put an https address there: have it correct its {name}")
        }
        OidcError::NoIdToken => {
            format!("allow the scope `openid` for client {client} at the provider")
        }
        OidcError::NoDeviceFlow(_) => {
            format!("log in with a browser: opkssh login {}", provider.name())
        }
        OidcError::RedirectUri(_) => "correct `redirect_uris:` in the client configuration".to_owned(),
        _ => return None,
    })
}

fn refused(error: &str, description: Option<&str>, provider: &Provider) -> Option<String> {
    let client = &provider.client_id;
    let redirect = description.is_some_and(|text| text.to_ascii_lowercase().contains("redirect"));
    Some(match error {
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
        "access_denied" => {
            format!(
                "log in again and allow it: opkssh login {}",
                provider.name()
            )
        }
        "login_required" | "interaction_required" | "consent_required" | "invalid_grant" => {
            format!("log in again: opkssh login {}", provider.name())
        }
        "temporarily_unavailable" | "server_error" => {
            "the provider has a problem of its own; try again later".to_owned()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use opkssh_protocol::config::parse_provider_argument;

    use super::*;

    #[test]
    fn what_the_agent_was_started_with_is_changed_by_a_restart() {
        let provider = parse_provider_argument("https://id.example.com,c").unwrap();
        for source in [
            HttpError::Timeout {
                host: "id.example.com".to_owned(),
            },
            HttpError::Unreachable {
                host: "id.example.com".to_owned(),
                cause: "no route".to_owned(),
            },
        ] {
            let error = OidcError::Http {
                what: "key set",
                source,
            };
            let hint = explain(&error, &provider).unwrap();
            for words in ["HTTPS_PROXY", "SSL_CERT_FILE", "opkssh agent stop"] {
                assert!(hint.contains(words), "{hint}");
            }
        }
    }
}
