//! Pools of connections to a provider: through the user's proxies, and straight to this machine.

use std::time::Duration;

use reqwest::{Client, ClientBuilder};

use super::error::{HttpError, REQUEST_TIMEOUT};
use crate::desktop::surroundings::Proxies;

/// Unused connections are closed after this.
const IDLE_CONNECTION: Duration = Duration::from_secs(20);

/// For this machine.
pub(super) fn direct() -> Result<Client, HttpError> {
    build(Client::builder().no_proxy())
}

/// For other machines. Without proxies, those count that the process's environment names.
pub(super) fn proxied(proxies: Option<&Proxies>) -> Result<Client, HttpError> {
    let mut builder = Client::builder();
    let Some(proxies) = proxies else {
        return build(builder);
    };
    let none_for = proxies.none_for.as_deref();
    let none_for = none_for.and_then(reqwest::NoProxy::from_string);
    let named = [
        proxies.http.as_deref().map(reqwest::Proxy::http),
        proxies.https.as_deref().map(reqwest::Proxy::https),
        proxies.all.as_deref().map(reqwest::Proxy::all),
    ];
    for proxy in named.into_iter().flatten() {
        match proxy {
            Ok(proxy) => builder = builder.proxy(proxy.no_proxy(none_for.clone())),
            Err(error) => tracing::warn!("a proxy of the session is of no use: {error}"),
        }
    }
    build(builder)
}

fn build(builder: ClientBuilder) -> Result<Client, HttpError> {
    // a second call finds it installed already
    let _ = rustls::crypto::ring::default_provider().install_default();
    builder
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .timeout(REQUEST_TIMEOUT)
        .pool_idle_timeout(IDLE_CONNECTION)
        .user_agent(concat!("opkssh-agent/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| HttpError::Setup(innermost(&error)))
}

/// Returns the innermost cause: it says what happened, the outer ones only that something did.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests;
