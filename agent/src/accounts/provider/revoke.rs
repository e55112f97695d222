//! Revocation of a refresh token (RFC 7009).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use opkssh_protocol::config::Provider;
use opkssh_protocol::secret::Secret;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::tokens::{Way, in_turn, secret, ways};
use super::{Http, OidcError, ProviderDocuments};

/// Tells the provider to forget `refresh_token`. `Ok(false)`: it has no revocation endpoint.
///
/// RFC 7009 section 2.2: the provider answers 200 also for a token it does not know, so this can
/// be repeated.
pub async fn revoke(
    http: &Http,
    documents: &ProviderDocuments,
    provider: &Provider,
    refresh_token: &Secret,
) -> Result<bool, OidcError> {
    let Some(endpoint) = documents.revocation_endpoint() else {
        return Ok(false);
    };
    let ways = ways(&documents.metadata, provider);
    in_turn(ways, |way| {
        ask(http, endpoint, provider, refresh_token, way)
    })
    .await?;
    Ok(true)
}

async fn ask(
    http: &Http,
    endpoint: &str,
    provider: &Provider,
    refresh_token: &Secret,
    way: Way,
) -> Result<(), OidcError> {
    let what = "revocation endpoint";
    let mut request = Request::post(endpoint).header(
        http::header::CONTENT_TYPE,
        "application/x-www-form-urlencoded",
    );
    let secret = secret(provider);
    if let Some(secret) = secret.filter(|_| way == Way::Basic) {
        request = request.header(http::header::AUTHORIZATION, basic_header(provider, secret));
    }
    let request = request
        .body(form(
            provider,
            refresh_token,
            secret.filter(|_| way == Way::Body),
        ))
        .map_err(|error| OidcError::nonsense(what, error))?;
    let response = http
        .send(request)
        .await
        .map_err(|source| OidcError::Http { what, source })?;
    match response.status() {
        status if status.is_success() => Ok(()),
        http::StatusCode::UNAUTHORIZED => Err(OidcError::Refused {
            error: "invalid_client".to_owned(),
            description: None,
        }),
        status => Err(OidcError::nonsense(what, format!("it answered {status}"))),
    }
}

/// RFC 6749 section 2.3.1: both halves are form-encoded before they are joined.
fn basic_header(provider: &Provider, secret: &Secret) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Zeroizing::new(format!(
        "{}:{}",
        encode(&provider.client_id),
        encode(secret.expose())
    ));
    format!("Basic {}", STANDARD.encode(pair.as_bytes()))
}

fn form(provider: &Provider, refresh_token: &Secret, secret: Option<&Secret>) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", refresh_token.expose());
    form.append_pair("token_type_hint", "refresh_token");
    form.append_pair("client_id", &provider.client_id);
    if let Some(secret) = secret {
        form.append_pair("client_secret", secret.expose());
    }
    form.finish().into_bytes()
}
