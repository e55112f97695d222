//! Gets keys from the provider: its discovery document names the key set (RFC 7517 section 5).

use std::collections::BTreeMap;

use opkssh_protocol::key_set::KeySet;

use super::{KeySource, KeySourceError, PublishedKeys};
use crate::deadline::Deadline;
use crate::http::{HttpClient, HttpError, Network};

impl KeySource for Network {
    fn fetch(&self, issuer: &str, deadline: Deadline) -> Result<PublishedKeys, KeySourceError> {
        let asking = HttpClient::new(issuer, self, deadline);
        let address = asking.discover("jwks_uri")?;
        let url = address.to_string();
        let document = asking.document(address)?;
        let keys = match KeySet::parse(&document.bytes) {
            Ok(keys) => keys,
            Err(error) => return Err(HttpError::answer(&url, error).into()),
        };
        let text = String::from_utf8(document.bytes).ok();
        let Some(text) = text.filter(|_| !keys.is_empty()) else {
            return Err(KeySourceError::NoKeys { url });
        };
        Ok(PublishedKeys {
            keys,
            document: text,
            max_age: document.max_age,
        })
    }
}

/// The provider, asked through a [`Network`] created on demand: most runs of verify send no request, and need neither TLS
/// nor trusted roots.
pub struct WhenAsked<'a> {
    /// `env_vars` of the server configuration; the environment supplies other names.
    pub env_vars: &'a BTreeMap<String, String>,
}

impl KeySource for WhenAsked<'_> {
    fn fetch(&self, issuer: &str, deadline: Deadline) -> Result<PublishedKeys, KeySourceError> {
        let network = Network::new(self.env_vars, |name| std::env::var(name).ok())?;
        network.fetch(issuer, deadline)
    }
}
