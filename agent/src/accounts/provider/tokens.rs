//! The authorization URL and the token endpoint (RFC 6749 sections 4.1 and 6, RFC 7636).

use std::pin::Pin;

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod};
use openidconnect::{
    AsyncHttpClient, AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken,
    RequestTokenError, Scope, TokenResponse as _,
};
use opkssh_protocol::cic::Commitment;
use opkssh_protocol::config::Provider;
use opkssh_protocol::secret::Secret;
use serde_json::error::Category;

use super::discovery::Metadata;
use super::error::TOKEN_ENDPOINT;
use super::{Http, HttpError, OidcError, ProviderDocuments};

/// Where to send the browser, and what must come back.
pub struct Authorization {
    pub url: String,
    pub state: String,
    code_verifier: PkceCodeVerifier,
    redirect_uri: String,
}

/// What the token endpoint gave.
pub struct Tokens {
    pub id_token: Option<String>,
    pub access_token: Secret,
    pub refresh_token: Option<Secret>,
}

pub(super) type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Builds the authorization request; its nonce is the commitment to the user key.
pub fn authorization(
    documents: &ProviderDocuments,
    provider: &Provider,
    redirect_uri: &str,
    commitment: &Commitment,
    prompt: &str,
    login_hint: Option<&str>,
) -> Result<Authorization, OidcError> {
    let sent = provider
        .remote_redirect_uri
        .as_deref()
        .unwrap_or(redirect_uri);
    let client = client(&documents.metadata, provider, Way::Body, Some(sent))?;
    let (code_challenge, code_verifier) = PkceCodeChallenge::new_random_sha256();
    let nonce = Nonce::new(commitment.as_str().to_owned());
    let mut request = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            || nonce,
        )
        .set_pkce_challenge(code_challenge);
    for scope in scopes(provider) {
        request = request.add_scope(scope);
    }
    for (name, value) in [
        ("prompt", prompt),
        ("access_type", &provider.access_type),
        ("login_hint", login_hint.unwrap_or_default()),
    ] {
        if !value.is_empty() {
            request = request.add_extra_param(name, value);
        }
    }
    let (url, state, _) = request.url();
    Ok(Authorization {
        url: url.to_string(),
        state: state.into_secret(),
        code_verifier,
        redirect_uri: sent.to_owned(),
    })
}

/// Turns the authorization code into tokens.
pub async fn exchange_code(
    http: &Http,
    documents: &ProviderDocuments,
    provider: &Provider,
    authorization: Authorization,
    code: String,
) -> Result<Tokens, OidcError> {
    let metadata = &documents.metadata;
    let (authorization, code) = (&authorization, &AuthorizationCode::new(code));
    in_turn(ways(metadata, provider), |way| async move {
        let verifier = PkceCodeVerifier::new(authorization.code_verifier.secret().clone());
        let response = client(metadata, provider, way, Some(&authorization.redirect_uri))?
            .exchange_code(code.clone())
            .map_err(|error| no_token_endpoint(&error))?
            .set_pkce_verifier(verifier)
            .request_async(http)
            .await
            .map_err(|error| refused(TOKEN_ENDPOINT, error))?;
        Ok(tokens(&response))
    })
    .await
}

/// Asks for new tokens without a person (RFC 6749 section 6).
pub async fn refresh(
    http: &Http,
    documents: &ProviderDocuments,
    provider: &Provider,
    refresh_token: &Secret,
) -> Result<Tokens, OidcError> {
    let metadata = &documents.metadata;
    let refresh_token = &RefreshToken::new(refresh_token.expose().to_owned());
    in_turn(ways(metadata, provider), |way| async move {
        let client = client(metadata, provider, way, None)?;
        let mut request = client
            .exchange_refresh_token(refresh_token)
            .map_err(|error| no_token_endpoint(&error))?;
        for scope in provider.scopes.iter().filter(|scope| !scope.is_empty()) {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let response = request
            .request_async(http)
            .await
            .map_err(|error| refused(TOKEN_ENDPOINT, error))?;
        Ok(tokens(&response))
    })
    .await
}

/// How a client authenticates to the provider (OpenID Connect Core section 9).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`; of a client without a secret, its id and nothing else.
    Body,
}

/// The ways to try. A public client is never sent Basic: some providers refuse, and burn the code,
/// when they see an empty password. A client with a secret may have been registered for one of the
/// two only, which the provider does not tell beforehand; Basic is the default.
pub(super) fn ways(metadata: &Metadata, provider: &Provider) -> &'static [Way] {
    let offered = metadata.token_endpoint_auth_methods_supported();
    let offers = |method| offered.is_some_and(|offered| offered.contains(&method));
    let basic = offers(CoreClientAuthMethod::ClientSecretBasic);
    let post = offers(CoreClientAuthMethod::ClientSecretPost);
    match (secret(provider), basic, post) {
        (None, _, _) | (Some(_), false, true) => &[Way::Body],
        (Some(_), true, true) => &[Way::Basic, Way::Body],
        (Some(_), _, false) => &[Way::Basic],
    }
}

/// Asks in one way after the other for as long as the provider does not know the client that way.
pub(super) async fn in_turn<T, F>(ways: &[Way], ask: impl Fn(Way) -> F) -> Result<T, OidcError>
where
    F: Future<Output = Result<T, OidcError>>,
{
    let (last, first) = match ways.split_last() {
        Some((last, first)) => (*last, first),
        None => (Way::Body, ways),
    };
    for way in first {
        match ask(*way).await {
            Err(error) if error.is_invalid_client() => {}
            answer => return answer,
        }
    }
    ask(last).await
}

pub(super) fn secret(provider: &Provider) -> Option<&Secret> {
    let secret = provider.client_secret.as_ref();
    secret.filter(|secret| !secret.is_empty())
}

pub(super) fn client(
    metadata: &Metadata,
    provider: &Provider,
    way: Way,
    redirect_uri: Option<&str>,
) -> Result<Client, OidcError> {
    let client = CoreClient::from_provider_metadata(
        metadata.clone(),
        ClientId::new(provider.client_id.clone()),
        secret(provider).map(|secret| ClientSecret::new(secret.expose().to_owned())),
    )
    .set_auth_type(match way {
        Way::Basic => AuthType::BasicAuth,
        Way::Body => AuthType::RequestBody,
    });
    match redirect_uri {
        None => Ok(client),
        Some(uri) => {
            let uri = RedirectUrl::new(uri.to_owned())
                .map_err(|_| OidcError::RedirectUri(uri.to_owned()))?;
            Ok(client.set_redirect_uri(uri))
        }
    }
}

/// `openid` is added by the client itself.
pub(super) fn scopes(provider: &Provider) -> impl Iterator<Item = Scope> {
    provider
        .scopes
        .iter()
        .filter(|scope| !scope.is_empty() && *scope != "openid")
        .map(|scope| Scope::new(scope.clone()))
}

pub(super) fn tokens(response: &openidconnect::core::CoreTokenResponse) -> Tokens {
    Tokens {
        id_token: response.id_token().map(ToString::to_string),
        access_token: Secret::new(response.access_token().secret().clone()),
        refresh_token: response
            .refresh_token()
            .map(|token| Secret::new(token.secret().clone())),
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let url = request.uri().to_string();
            let response = self.send(request).await?;
            let status = response.status();
            // a gateway's page has nothing to be parsed; the status is all it says
            if status.is_server_error() && !is_json(&response) {
                let status = status.as_u16();
                return Err(HttpError::Status { url, status });
            }
            Ok(response)
        })
    }
}

fn is_json(response: &HttpResponse) -> bool {
    let kind = response.headers().get(http::header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/json"))
}

pub(super) fn no_token_endpoint(error: &openidconnect::ConfigurationError) -> OidcError {
    OidcError::nonsense("discovery document", error)
}

pub(super) fn refused<E>(
    what: &'static str,
    error: RequestTokenError<HttpError, openidconnect::StandardErrorResponse<E>>,
) -> OidcError
where
    E: openidconnect::ErrorResponseType + std::fmt::Display + 'static,
{
    match error {
        RequestTokenError::ServerResponse(response) => OidcError::Refused {
            error: response.error().to_string(),
            description: response.error_description().cloned(),
        },
        RequestTokenError::Request(source) => OidcError::Http { what, source },
        // the parser's text may quote the answer, which holds tokens: only the place is told
        RequestTokenError::Parse(error, _) => match error.inner().classify() {
            Category::Data => {
                let path = error.path();
                let detail = format!("its JSON is no answer to the request (at {path})");
                OidcError::nonsense(what, detail)
            }
            Category::Syntax | Category::Eof | Category::Io => {
                OidcError::nonsense(what, "it is not JSON")
            }
        },
        RequestTokenError::Other(detail) => OidcError::nonsense(what, detail),
    }
}
