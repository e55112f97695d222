//! Discovery (OpenID Connect Discovery 1.0 section 4) and the provider's key set.

use std::sync::Arc;

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{AdditionalProviderMetadata, ProviderMetadata};
use opkssh_protocol::config::Provider;
use opkssh_protocol::key_set::KeySet;
use serde::{Deserialize, Serialize};

use super::http::follow;
use super::{Http, OidcError};
use crate::desktop::surroundings::Surroundings;

/// A client of a provider whose documents were fetched.
pub struct ProviderClient {
    pub(super) http: Http,
    pub provider: Provider,
    pub(super) metadata: Metadata,
    pub keys: KeySet,
}

pub(super) type Metadata = ProviderMetadata<
    FurtherMetadata,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// Metadata (RFC 8414, RFC 8628 section 4, RFC 9207) that OpenID Connect Discovery does not know.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct FurtherMetadata {
    pub revocation_endpoint: Option<String>,
    pub device_authorization_endpoint: Option<String>,
    authorization_response_iss_parameter_supported: Option<bool>,
}

impl AdditionalProviderMetadata for FurtherMetadata {}

impl ProviderClient {
    /// Fetches the provider's discovery document and the keys it points to.
    pub async fn discover(
        surroundings: &Arc<Surroundings>,
        provider: &Provider,
    ) -> Result<Self, OidcError> {
        let http = Http::new(surroundings.clone());
        let issuer = &provider.issuer;
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        let url = format!("{base}/.well-known/openid-configuration");
        let what = "discovery document";
        let document = http.get(&url).await;
        let document = document.map_err(|source| OidcError::Http { what, source })?;
        let metadata: Metadata =
            serde_json::from_slice(&document).map_err(|error| OidcError::nonsense(what, error))?;
        if metadata.issuer().as_str() != issuer {
            return Err(OidcError::Issuer {
                got: metadata.issuer().to_string(),
                configured: issuer.clone(),
            });
        }
        check_endpoints(&metadata)?;
        let what = "key set";
        let keys = http.get(metadata.jwks_uri().as_str()).await;
        let keys = keys.map_err(|source| OidcError::Http { what, source })?;
        Ok(Self {
            http,
            provider: provider.clone(),
            metadata,
            keys: KeySet::parse(&keys).map_err(|error| OidcError::nonsense(what, error))?,
        })
    }

    /// Returns true if each authorization response names its issuer (RFC 9207).
    pub fn announces_issuer(&self) -> bool {
        let further = self.metadata.additional_metadata();
        let announced = further.authorization_response_iss_parameter_supported;
        announced.unwrap_or(false)
    }
}

/// Fails if an endpoint is not https, so that no secret, and no browser, is sent to an address in
/// clear; nor, unless the issuer is on this machine itself, to a port of this machine.
fn check_endpoints(metadata: &Metadata) -> Result<(), OidcError> {
    let further = metadata.additional_metadata();
    let authorization = Some(metadata.authorization_endpoint().as_str());
    let token = metadata.token_endpoint().map(|endpoint| endpoint.as_str());
    let keys = Some(metadata.jwks_uri().as_str());
    let revocation = further.revocation_endpoint.as_deref();
    let device = further.device_authorization_endpoint.as_deref();
    for (name, address) in [
        ("authorization_endpoint", authorization),
        ("token_endpoint", token),
        ("jwks_uri", keys),
        ("revocation_endpoint", revocation),
        ("device_authorization_endpoint", device),
    ] {
        if let Some(address) = address
            && follow(metadata.issuer(), address).is_none()
        {
            let address = address.to_owned();
            return Err(OidcError::Endpoint { name, address });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
