//! Revocation of a refresh token (RFC 7009).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use openidconnect::AuthType;
use opkssh_protocol::config::Provider;
use opkssh_protocol::secret::Secret;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::discovery::ProviderClient;
use super::error::OidcError;
use super::tokens::secret;

/// Tells the provider to forget `refresh_token`. `Ok(false)`: it has no revocation endpoint.
///
/// RFC 7009 section 2.2: the provider answers 200 also for a token it does not know, so this can be
/// repeated.
pub async fn revoke(client: &ProviderClient, refresh_token: &Secret) -> Result<bool, OidcError> {
    let further = client.metadata.additional_metadata();
    let Some(endpoint) = &further.revocation_endpoint else {
        return Ok(false);
    };
    client
        .in_turn(|way| ask(client, endpoint, refresh_token, way))
        .await?;
    Ok(true)
}

/// Not by `openidconnect`: it refuses an endpoint on this machine, which is http.
async fn ask(
    client: &ProviderClient,
    endpoint: &str,
    refresh_token: &Secret,
    way: AuthType,
) -> Result<(), OidcError> {
    let what = "revocation endpoint";
    let request = request(endpoint, &client.provider, refresh_token, &way);
    let request = request.map_err(|error| OidcError::nonsense(what, error))?;
    let response = client.http.send(request).await;
    let response = response.map_err(|source| OidcError::Http { what, source })?;
    match response.status() {
        status if status.is_success() => Ok(()),
        StatusCode::UNAUTHORIZED => Err(OidcError::Refused {
            error: "invalid_client".to_owned(),
            description: None,
        }),
        status => Err(OidcError::nonsense(what, format!("it answered {status}"))),
    }
}

fn request(
    endpoint: &str,
    provider: &Provider,
    refresh_token: &Secret,
    way: &AuthType,
) -> http::Result<Request<Vec<u8>>> {
    let mut request = Request::post(endpoint);
    request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", refresh_token.expose());
    form.append_pair("token_type_hint", "refresh_token");
    form.append_pair("client_id", &provider.client_id);
    match (secret(provider), way) {
        (None, _) => {}
        (Some(secret), AuthType::BasicAuth) => {
            request = request.header(AUTHORIZATION, basic_header(provider, secret));
        }
        (Some(secret), _) => {
            form.append_pair("client_secret", secret.expose());
        }
    }
    request.body(form.finish().into_bytes())
}

/// RFC 6749 section 2.3.1: both halves are form-encoded before they are joined.
fn basic_header(provider: &Provider, secret: &Secret) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let (id, secret) = (encode(&provider.client_id), encode(secret.expose()));
    let pair = Zeroizing::new(format!("{id}:{secret}"));
    format!("Basic {}", STANDARD.encode(pair.as_bytes()))
}
