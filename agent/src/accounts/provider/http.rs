//! HTTP to a provider: https only (loopback excepted), bounded in time, size and redirects.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Request, Response};
use openidconnect::AsyncHttpClient;
use opkssh_protocol::config::{is_https_or_loopback, is_loopback};
use reqwest::Client;
use url::Url;

use super::clients::{direct, innermost, proxied};
use super::error::HttpError;
use crate::desktop::surroundings::Surroundings;

/// No discovery document, key set or token answer is larger.
const BODY_LIMIT: usize = 1024 * 1024;
const MAX_REDIRECTS: usize = 3;
const JSON: &str = "application/json";

/// Asks a provider. Each of its clients comes with the system's certificates, all parsed, so it lives
/// no longer than the login, renewal or logout that needs it.
pub struct Http {
    surroundings: Arc<Surroundings>,
    direct: OnceLock<Client>,
    proxied: OnceLock<Client>,
}

impl Http {
    pub fn new(surroundings: Arc<Surroundings>) -> Self {
        Self {
            surroundings,
            direct: OnceLock::new(),
            proxied: OnceLock::new(),
        }
    }

    /// Fetches a document, following redirects that stay on https.
    pub async fn get(&self, url: &str) -> Result<Vec<u8>, HttpError> {
        let mut url = checked(url)?;
        for _ in 0..=MAX_REDIRECTS {
            let request = Request::get(url.as_str()).header(ACCEPT, JSON);
            let request = request.body(Vec::new());
            let request = request.map_err(|error| HttpError::Setup(error.to_string()))?;
            let answer = self.send(request).await?;
            let location = answer.headers().get(LOCATION).map(HeaderValue::to_str);
            match (answer.status().as_u16(), location) {
                (200, _) => return Ok(answer.into_body()),
                (301 | 302 | 303 | 307 | 308, Some(Ok(location))) => {
                    url = redirected(&url, location)?;
                }
                (status, _) => {
                    let url = url.into();
                    return Err(HttpError::Status { url, status });
                }
            }
        }
        Err(HttpError::Redirects(url.into()))
    }

    /// Sends one request; redirects are not followed.
    pub(super) async fn send(
        &self,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Vec<u8>>, HttpError> {
        let url = checked(&request.uri().to_string())?;
        let host = url.host_str().unwrap_or_default();
        let failed = |error: reqwest::Error| failed(host, &error);
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let answer = self.client(&url)?.execute(request).await;
        let mut answer = answer.map_err(failed)?;
        let mut response = Response::new(Vec::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        let body = response.body_mut();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(HttpError::TooLarge(host.to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(response)
    }

    fn client(&self, url: &Url) -> Result<&Client, HttpError> {
        let is_loopback = is_loopback(url);
        let kept = if is_loopback {
            &self.direct
        } else {
            &self.proxied
        };
        if let Some(client) = kept.get() {
            return Ok(client);
        }
        let client = match is_loopback {
            true => direct()?,
            false => proxied(self.surroundings.proxies().as_ref())?,
        };
        Ok(kept.get_or_init(|| client))
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: Request<Vec<u8>>) -> Self::Future {
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

fn is_json(response: &Response<Vec<u8>>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with(JSON))
}

/// From https never to http, not even on this machine.
fn redirected(from: &Url, location: &str) -> Result<Url, HttpError> {
    let not_https = || HttpError::NotHttps(location.to_owned());
    let next = from.join(location).map_err(|_| not_https())?;
    follow(from.as_str(), next.as_str()).ok_or_else(not_https)
}

/// Returns `to`, if somebody at `from` may send us there: it is https, or both are http on this
/// machine.
pub(super) fn follow(from: &str, to: &str) -> Option<Url> {
    let (from, to) = (checked(from).ok()?, checked(to).ok()?);
    (to.scheme() == "https" || from.scheme() == "http").then_some(to)
}

/// Fails if secrets cannot be sent to this address safely.
fn checked(url: &str) -> Result<Url, HttpError> {
    let parsed = Url::parse(url).ok();
    let safe = parsed.filter(is_https_or_loopback);
    safe.ok_or_else(|| HttpError::NotHttps(url.to_owned()))
}

/// Tells whether the request may have reached the provider: not before there was a connection.
fn failed(host: &str, error: &reqwest::Error) -> HttpError {
    let (host, cause) = (host.to_owned(), innermost(error));
    match error {
        error if error.is_builder() => HttpError::Setup(cause),
        error if error.is_connect() => HttpError::Unreachable { host, cause },
        error if error.is_timeout() => HttpError::Timeout { host },
        _ => HttpError::Broken { host, cause },
    }
}

#[cfg(test)]
mod tests;
