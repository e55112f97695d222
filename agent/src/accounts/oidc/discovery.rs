//! Discovery (OpenID Connect Discovery 1.0 section 4) and the provider's key set.

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{AdditionalProviderMetadata, ProviderMetadata};
use opkssh_protocol::key_set::KeySet;
use serde::{Deserialize, Serialize};

use super::{Http, OidcError};

/// What a provider says about itself.
pub struct ProviderDocuments {
    pub(super) metadata: Metadata,
    pub keys: KeySet,
}

impl ProviderDocuments {
    /// RFC 7009 endpoint, where the provider has one.
    pub fn revocation_endpoint(&self) -> Option<&str> {
        self.metadata
            .additional_metadata()
            .revocation_endpoint
            .as_deref()
    }
}

pub(super) type Metadata = ProviderMetadata<
    FurtherEndpoints,
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

/// RFC 8414 endpoints that OpenID Connect Discovery does not know.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct FurtherEndpoints {
    revocation_endpoint: Option<String>,
}

impl AdditionalProviderMetadata for FurtherEndpoints {}

/// Fetches the discovery document of `issuer` and the keys it points to.
pub async fn discover(http: &Http, issuer: &str) -> Result<ProviderDocuments, OidcError> {
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    let url = format!("{base}/.well-known/openid-configuration");
    let what = "discovery document";
    let document = http
        .get(&url)
        .await
        .map_err(|source| OidcError::Http { what, source })?;
    let metadata: Metadata =
        serde_json::from_slice(&document).map_err(|error| OidcError::Nonsense {
            what,
            detail: error.to_string(),
        })?;
    if metadata.issuer().as_str() != issuer {
        return Err(OidcError::Issuer {
            got: metadata.issuer().to_string(),
            configured: issuer.to_owned(),
        });
    }
    let what = "key set";
    let keys = http
        .get(metadata.jwks_uri().as_str())
        .await
        .map_err(|source| OidcError::Http { what, source })?;
    let keys = KeySet::parse(&keys).map_err(|error| OidcError::Nonsense {
        what,
        detail: error.to_string(),
    })?;
    Ok(ProviderDocuments { metadata, keys })
}
