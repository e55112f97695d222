//! Proxy and trusted roots. sshd runs commands with an almost empty environment, so `env_vars` of
//! the server configuration replaces it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};
use ureq::{Agent, Proxy};
use url::Url;

use super::no_proxy::NoProxy;

/// Network settings for requests to providers.
#[derive(Default)]
pub struct Network {
    https_proxy: Option<Proxy>,
    no_proxy: NoProxy,
    roots: Option<Vec<Certificate<'static>>>,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NetworkError(String);

impl Network {
    /// Takes the settings from `env_vars`, then from the environment. The platform verifier reads
    /// trusted roots from the environment itself.
    pub fn new(
        env_vars: &BTreeMap<String, String>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, NetworkError> {
        let find = |names: [&str; 2]| {
            let configured = names.iter().find_map(|name| env_vars.get(*name).cloned());
            configured
                .or_else(|| names.iter().find_map(|name| environment(name)))
                .filter(|value| !value.is_empty())
        };
        let proxy = |url: String| {
            Proxy::new(&url)
                .map_err(|error| NetworkError(format!("HTTPS_PROXY is not a proxy's URL: {error}")))
        };
        let https_proxy = find(["HTTPS_PROXY", "https_proxy"])
            .map(proxy)
            .transpose()?;
        let no_proxy = find(["NO_PROXY", "no_proxy"]).unwrap_or_default();
        let file = env_vars
            .get("SSL_CERT_FILE")
            .filter(|path| !path.is_empty());
        let directories = env_vars.get("SSL_CERT_DIR").filter(|path| !path.is_empty());
        let mut roots = Vec::new();
        if let Some(file) = file {
            add_file(&mut roots, file)?;
        }
        for directory in directories.into_iter().flat_map(|paths| paths.split(':')) {
            add_directory(&mut roots, directory)?;
        }
        Ok(Self {
            https_proxy,
            no_proxy: NoProxy::parse(&no_proxy),
            roots: (file.is_some() || directories.is_some()).then_some(roots),
        })
    }

    /// Returns a client with these roots. It follows no redirects: the caller checks each one.
    pub(crate) fn agent(&self) -> Agent {
        let roots = match &self.roots {
            Some(roots) => RootCerts::new_with_certs(roots),
            None => RootCerts::PlatformVerifier,
        };
        let tls = TlsConfig::builder()
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("opkssh/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent()
    }

    /// Returns the proxy for an https address. http, which is for loopback only, has none.
    pub(crate) fn proxy_for(&self, url: &Url) -> Option<Proxy> {
        if url.scheme() != "https" || self.no_proxy.names(url) {
            None
        } else {
            self.https_proxy.clone()
        }
    }
}

/// Returns names in `env_vars` that have no effect.
pub fn without_effect(env_vars: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    const KNOWN: [&str; 8] = [
        "HTTPS_PROXY",
        "https_proxy",
        "NO_PROXY",
        "no_proxy",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        // for plain http, which is only used for this machine
        "HTTP_PROXY",
        "http_proxy",
    ];
    env_vars
        .keys()
        .map(String::as_str)
        .filter(|name| !KNOWN.contains(name))
}

fn add_file(roots: &mut Vec<Certificate<'static>>, path: &str) -> Result<(), NetworkError> {
    let failed = |error: &dyn Display| NetworkError(format!("SSL_CERT_FILE {path}: {error}"));
    let before = roots.len();
    let pem = std::fs::read(path).map_err(|error| failed(&error))?;
    roots.extend(certificates(&pem));
    match roots.len() > before {
        true => Ok(()),
        false => Err(failed(&"no certificate in it")),
    }
}

fn add_directory(roots: &mut Vec<Certificate<'static>>, path: &str) -> Result<(), NetworkError> {
    let failed = |path: &Path, error: io::Error| {
        NetworkError(format!("SSL_CERT_DIR {}: {error}", path.display()))
    };
    let path = Path::new(path);
    for entry in path.read_dir().map_err(|error| failed(path, error))? {
        let file = entry.map_err(|error| failed(path, error))?.path();
        // such directories also contain READMEs and dangling links
        if file.is_file() {
            let pem = std::fs::read(&file).map_err(|error| {
                let real = file.canonicalize();
                failed(real.as_deref().unwrap_or(&file), error)
            })?;
            roots.extend(certificates(&pem));
        }
    }
    Ok(())
}

fn certificates(pem: &[u8]) -> impl Iterator<Item = Certificate<'static>> {
    ureq::tls::parse_pem(pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
