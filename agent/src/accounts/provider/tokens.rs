//! The authorization URL and the token endpoint (RFC 6749 sections 4.1 and 6, RFC 7636).

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreTokenResponse,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, ErrorResponseType, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope,
    StandardErrorResponse, TokenResponse as _,
};
use opkssh_protocol::cic::Commitment;
use opkssh_protocol::config::Provider;
use opkssh_protocol::secret::Secret;
use serde_json::error::Category;

use super::discovery::ProviderClient;
use super::error::{HttpError, OidcError, TOKEN_ENDPOINT};

/// Where to send the browser, and what must come back.
pub struct Authorization {
    pub url: String,
    pub state: String,
    code_verifier: PkceCodeVerifier,
    redirect_uri: RedirectUrl,
}

/// What the token endpoint gave.
pub struct Tokens {
    pub id_token: Option<Secret>,
    pub access_token: Secret,
    pub refresh_token: Option<Secret>,
}

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A request that failed, in the library's words.
type RequestError<E> = RequestTokenError<HttpError, StandardErrorResponse<E>>;

impl ProviderClient {
    /// Builds the authorization request; its nonce is the commitment to the user key.
    pub fn authorization(
        &self,
        redirect_uri: &str,
        commitment: &Commitment,
        prompt: &str,
        login_hint: Option<&str>,
    ) -> Result<Authorization, OidcError> {
        let remote = self.provider.remote_redirect_uri.as_deref();
        let redirect_uri = remote.unwrap_or(redirect_uri).to_owned();
        let redirect_uri = RedirectUrl::new(redirect_uri.clone())
            .map_err(|_| OidcError::RedirectUri(redirect_uri))?;
        let client = self.client(AuthType::RequestBody);
        let client = client.set_redirect_uri(redirect_uri.clone());
        let (code_challenge, code_verifier) = PkceCodeChallenge::new_random_sha256();
        let nonce = Nonce::new(commitment.as_str().to_owned());
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let mut request = client
            .authorize_url(flow, CsrfToken::new_random, || nonce)
            .set_pkce_challenge(code_challenge)
            .add_scopes(self.scopes());
        for (name, value) in [
            ("prompt", prompt),
            ("access_type", &self.provider.access_type),
            ("login_hint", login_hint.unwrap_or_default()),
        ] {
            if !value.is_empty() {
                request = request.add_extra_param(name, value);
            }
        }
        let (url, state, _) = request.url();
        Ok(Authorization {
            url: url.into(),
            state: state.into_secret(),
            code_verifier,
            redirect_uri,
        })
    }

    /// Turns the authorization code into tokens.
    pub async fn exchange_code(
        &self,
        authorization: &Authorization,
        code: &str,
    ) -> Result<Tokens, OidcError> {
        self.in_turn(|way| async move {
            let verifier = authorization.code_verifier.secret().clone();
            let answer = self
                .client(way)
                .set_redirect_uri(authorization.redirect_uri.clone())
                .exchange_code(AuthorizationCode::new(code.to_owned()))?
                .set_pkce_verifier(PkceCodeVerifier::new(verifier))
                .request_async(&self.http)
                .await;
            tokens(answer)
        })
        .await
    }

    /// Asks for new tokens without a person (RFC 6749 section 6).
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Tokens, OidcError> {
        let refresh_token = &RefreshToken::new(refresh_token.expose().to_owned());
        let scopes = self.provider.scopes.iter();
        let scopes = scopes.filter(|scope| !scope.is_empty()).cloned();
        let scopes = &scopes.map(Scope::new).collect::<Vec<_>>();
        self.in_turn(|way| async move {
            let answer = self
                .client(way)
                .exchange_refresh_token(refresh_token)?
                .add_scopes(scopes.clone())
                .request_async(&self.http)
                .await;
            tokens(answer)
        })
        .await
    }

    /// Asks in the second way where the provider does not know the client in the first.
    pub(super) async fn in_turn<T, F>(&self, ask: impl Fn(AuthType) -> F) -> Result<T, OidcError>
    where
        F: Future<Output = Result<T, OidcError>>,
    {
        let (first, second) = self.ways();
        match (ask(first).await, second) {
            (Err(error), Some(second)) if error.code() == Some("invalid_client") => {
                ask(second).await
            }
            (answer, _) => answer,
        }
    }

    /// Returns how the client authenticates (OpenID Connect Core section 9), and how else it may.
    ///
    /// A public client is never sent Basic: some providers refuse, and burn the code, when they see
    /// an empty password. A client with a secret may have been registered for one of the two only,
    /// which the provider does not tell beforehand; Basic is the default.
    fn ways(&self) -> (AuthType, Option<AuthType>) {
        let offered = self.metadata.token_endpoint_auth_methods_supported();
        let offers = |method| offered.is_some_and(|offered| offered.contains(&method));
        let basic = offers(CoreClientAuthMethod::ClientSecretBasic);
        match (basic, offers(CoreClientAuthMethod::ClientSecretPost)) {
            _ if secret(&self.provider).is_none() => (AuthType::RequestBody, None),
            (true, true) => (AuthType::BasicAuth, Some(AuthType::RequestBody)),
            (false, true) => (AuthType::RequestBody, None),
            (_, false) => (AuthType::BasicAuth, None),
        }
    }

    pub(super) fn client(&self, way: AuthType) -> Client {
        CoreClient::from_provider_metadata(
            self.metadata.clone(),
            ClientId::new(self.provider.client_id.clone()),
            secret(&self.provider).map(|secret| ClientSecret::new(secret.expose().to_owned())),
        )
        .set_auth_type(way)
    }

    /// Returns the scopes to log in with, without `openid`, which the library adds.
    pub(super) fn scopes(&self) -> impl Iterator<Item = Scope> {
        let scopes = self.provider.scopes.iter();
        let scopes = scopes.filter(|scope| !scope.is_empty() && *scope != "openid");
        scopes.cloned().map(Scope::new)
    }
}

/// Returns the client's secret, if it has one.
pub(super) fn secret(provider: &Provider) -> Option<&Secret> {
    let secret = provider.client_secret.as_ref();
    secret.filter(|secret| !secret.is_empty())
}

/// Returns the tokens of the token endpoint's answer.
pub(super) fn tokens<E>(
    answer: Result<CoreTokenResponse, RequestError<E>>,
) -> Result<Tokens, OidcError>
where
    E: ErrorResponseType + std::fmt::Display + 'static,
{
    let answer = answer.map_err(|error| refused(TOKEN_ENDPOINT, error))?;
    let refresh_token = answer.refresh_token();
    Ok(Tokens {
        id_token: answer
            .id_token()
            .map(|token| Secret::new(token.to_string())),
        access_token: Secret::new(answer.access_token().secret().clone()),
        refresh_token: refresh_token.map(|token| Secret::new(token.secret().clone())),
    })
}

pub(super) fn refused<E>(what: &'static str, error: RequestError<E>) -> OidcError
where
    E: ErrorResponseType + std::fmt::Display + 'static,
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

#[cfg(test)]
mod tests;
