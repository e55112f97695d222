//! The login on another device, for a machine without a browser: the person types a code at the
//! provider while we ask whether it is done (device authorization grant, RFC 8628).
//!
//! The grant has no nonce of its own. We send the commitment as one, and only a provider that puts
//! it into the ID token can be used this way: without it nothing ties the token to the user key.

use opkssh_protocol::config::Provider;
use opkssh_protocol::control::{Event, KeyType, LoginRequest};
use opkssh_protocol::pk_token::PkTokenError;
use tokio::sync::mpsc;

use super::begun::{LoggedIn, begin};
use super::context::Context;
use super::error::{LoginError, LoginFailure};
use super::hint::{hint, with_words};
use super::progress::{tell, waiting};
use crate::accounts::provider::{self, Http, OidcError};

/// Logs in at the request's one provider. Dropping the future ends the asking.
pub(super) async fn log_in(
    http: &Http,
    request: &LoginRequest,
    events: &mpsc::Sender<Event>,
    context: Context<'_>,
) -> Result<LoggedIn, LoginFailure> {
    let provider = only(&request.providers)?;
    at_provider(http, provider, request.key_type, events, context)
        .await
        .map_err(|error| LoginFailure {
            hint: device_hint(&error, provider)
                .map(|hint| with_words(&hint, provider, request))
                .or_else(|| hint(&error, provider, request)),
            error,
        })
}

fn only(providers: &[Provider]) -> Result<&Provider, LoginFailure> {
    match providers {
        [one] => Ok(one),
        [] => Err(LoginFailure {
            error: LoginError::NoProvider,
            hint: None,
        }),
        several => {
            let names: Vec<_> = several.iter().map(Provider::name).collect();
            Err(LoginFailure {
                error: LoginError::SeveralProviders(several.len()),
                hint: Some(format!(
                    "name one: opkssh login --device ALIAS, of: {}",
                    names.join(" ")
                )),
            })
        }
    }
}

/// Returns the hint where it differs from that of a login in the browser.
fn device_hint(error: &LoginError, provider: &Provider) -> Option<String> {
    let LoginError::Oidc(OidcError::Refused { error, .. }) = error else {
        return None;
    };
    let name = provider.name();
    match error.as_str() {
        "access_denied" => Some(format!(
            "log in again and allow it: opkssh login --device {name}"
        )),
        "invalid_grant" => Some(format!("log in again: opkssh login --device {name}")),
        "unauthorized_client" | "unsupported_grant_type" => Some(format!(
            "allow the device flow (grant type urn:ietf:params:oauth:grant-type:device_code) for \
             client {} at the provider, or log in with a browser: opkssh login {name}",
            provider.client_id
        )),
        _ => None,
    }
}

async fn at_provider(
    http: &Http,
    provider: &Provider,
    key_type: KeyType,
    events: &mpsc::Sender<Event>,
    context: Context<'_>,
) -> Result<LoggedIn, LoginError> {
    let begun = begin(http, provider, key_type, events).await?;
    waiting(events, "Asking the provider for a code").await?;
    let grant =
        provider::ask_for_code(http, &begun.documents, provider, &begun.commitment()).await?;
    let shown = Event::DeviceCode {
        user_code: grant.user_code(),
        verification_uri: grant.verification_uri(),
        verification_uri_complete: grant.verification_uri_complete(),
        expires_in: grant.expires_in().as_secs(),
    };
    tell(events, shown).await?;
    waiting(events, "Waiting for the login on the other device").await?;
    let asking = provider::wait_for_tokens(http, &begun.documents, provider, &grant);
    let tokens = match tokio::time::timeout(grant.expires_in(), asking).await {
        Ok(Ok(tokens)) => tokens,
        Err(_) => return Err(LoginError::CodeExpired),
        Ok(Err(error)) if error.is_expired_token() => return Err(LoginError::CodeExpired),
        Ok(Err(error)) => return Err(error.into()),
    };
    let logged_in = begun.finish(http, provider, tokens, context).await;
    logged_in.map_err(|error| match error {
        LoginError::PkToken(PkTokenError::NoCommitment("nonce")) => {
            LoginError::NoNonceInDeviceFlow(provider.issuer.clone())
        }
        error => error,
    })
}
