//! Discovery (OpenID Connect Discovery 1.0 section 4) and the provider's key set.

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{AdditionalProviderMetadata, ProviderMetadata};
use opkssh_protocol::key_set::KeySet;
use serde::{Deserialize, Serialize};

use super::http::follow;
use super::{Http, OidcError};

/// What a provider says about itself.
pub struct ProviderDocuments {
    pub(super) metadata: Metadata,
    pub keys: KeySet,
}

impl ProviderDocuments {
    /// Returns the RFC 7009 endpoint, where the provider has one.
    pub fn revocation_endpoint(&self) -> Option<&str> {
        self.further().revocation_endpoint.as_deref()
    }

    /// Returns true if each authorization response names its issuer (RFC 9207).
    pub fn announces_issuer(&self) -> bool {
        let announced = self
            .further()
            .authorization_response_iss_parameter_supported;
        announced.unwrap_or(false)
    }

    /// Returns the RFC 8628 endpoint, where the provider has one.
    pub fn device_authorization_endpoint(&self) -> Option<&str> {
        self.further().device_authorization_endpoint.as_deref()
    }

    fn further(&self) -> &FurtherMetadata {
        self.metadata.additional_metadata()
    }
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
    revocation_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    /// RFC 9207 section 3.
    authorization_response_iss_parameter_supported: Option<bool>,
}

impl AdditionalProviderMetadata for FurtherMetadata {}

/// Fetches the discovery document of `issuer` and the keys it points to.
pub async fn discover(http: &Http, issuer: &str) -> Result<ProviderDocuments, OidcError> {
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
            configured: issuer.to_owned(),
        });
    }
    check_endpoints(issuer, &metadata)?;
    let what = "key set";
    let keys = http.get(metadata.jwks_uri().as_str()).await;
    let keys = keys.map_err(|source| OidcError::Http { what, source })?;
    let keys = KeySet::parse(&keys).map_err(|error| OidcError::nonsense(what, error))?;
    Ok(ProviderDocuments { metadata, keys })
}

/// Fails if an endpoint is not https, so that no secret, and no browser, is sent to an address in
/// clear; nor, unless the configured issuer is on this machine itself, to a port of this machine.
fn check_endpoints(issuer: &str, metadata: &Metadata) -> Result<(), OidcError> {
    let further = metadata.additional_metadata();
    let (authorization, token) = (metadata.authorization_endpoint(), metadata.token_endpoint());
    let (revocation, device) = (
        &further.revocation_endpoint,
        &further.device_authorization_endpoint,
    );
    let endpoints = [
        ("authorization_endpoint", Some(authorization.as_str())),
        ("token_endpoint", token.map(|endpoint| endpoint.as_str())),
        ("jwks_uri", Some(metadata.jwks_uri().as_str())),
        ("revocation_endpoint", revocation.as_deref()),
        ("device_authorization_endpoint", device.as_deref()),
    ];
    for (name, address) in endpoints {
        if let Some(address) = address
            && follow(issuer, address).is_none()
        {
            return Err(OidcError::Endpoint {
                name,
                address: address.to_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(endpoint: &str, address: &str) -> Metadata {
        let mut document = json!({
            "issuer": "https://id.example.com",
            "authorization_endpoint": "https://id.example.com/authorize",
            "token_endpoint": "https://id.example.com/token",
            "revocation_endpoint": "https://id.example.com/revoke",
            "device_authorization_endpoint": "https://id.example.com/device",
            "jwks_uri": "https://id.example.com/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        document[endpoint] = address.into();
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn an_https_issuer_leads_to_no_address_in_clear() {
        for endpoint in [
            "authorization_endpoint",
            "token_endpoint",
            "revocation_endpoint",
            "device_authorization_endpoint",
            "jwks_uri",
        ] {
            for address in ["http://127.0.0.1:8080/x", "http://id.example.com/x"] {
                let metadata = metadata(endpoint, address);
                let error = check_endpoints("https://id.example.com", &metadata).unwrap_err();
                let text = error.to_string();
                assert!(text.contains(endpoint) && text.contains(address), "{text}");
            }
            let other_host = metadata(endpoint, "https://keys.example.com/x");
            assert!(check_endpoints("https://id.example.com", &other_host).is_ok());
        }
    }

    #[test]
    fn an_issuer_on_this_machine_may_stay_on_it() {
        let issuer = "http://127.0.0.1:8080";
        assert!(check_endpoints(issuer, &metadata("jwks_uri", "http://localhost:9/x")).is_ok());
        let elsewhere = metadata("token_endpoint", "http://id.example.com/x");
        assert!(check_endpoints(issuer, &elsewhere).is_err());
    }
}
