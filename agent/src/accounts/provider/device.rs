//! The device authorization endpoint and the polling of the token endpoint (RFC 8628 sections 3.1
//! to 3.5).

use std::time::Duration;

use openidconnect::DeviceAuthorizationUrl;
use openidconnect::core::CoreDeviceAuthorizationResponse;
use opkssh_protocol::cic::Commitment;
use opkssh_protocol::config::Provider;

use super::http::follow;
use super::tokens::{Way, client, in_turn, no_token_endpoint, refused, scopes, tokens, ways};
use super::{Http, OidcError, ProviderDocuments, Tokens};

/// However long the provider's code lives, nobody waits longer for a person.
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 60);
/// However often the provider would let itself be asked.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
/// No provider means to be asked less often; a larger number is a mistake.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

const WHAT: &str = "device authorization endpoint";

/// A code for a person to type at the provider. The device code within is a secret.
pub struct DeviceGrant(CoreDeviceAuthorizationResponse);

impl DeviceGrant {
    pub fn user_code(&self) -> String {
        self.0.user_code().secret().clone()
    }

    pub fn verification_uri(&self) -> String {
        self.0.verification_uri().to_string()
    }

    /// With the code in it.
    pub fn verification_uri_complete(&self) -> Option<String> {
        let uri = self.0.verification_uri_complete()?;
        Some(uri.secret().clone())
    }

    /// Counted from the provider's answer; at most 30 minutes.
    pub fn expires_in(&self) -> Duration {
        self.0.expires_in().min(LONGEST_WAIT)
    }
}

/// Asks for a code. The commitment goes along as `nonce`, which RFC 8628 does not know.
pub async fn ask_for_code(
    http: &Http,
    documents: &ProviderDocuments,
    provider: &Provider,
    commitment: &Commitment,
) -> Result<DeviceGrant, OidcError> {
    let metadata = &documents.metadata;
    let endpoint = &device_endpoint(documents, provider)?;
    let grant = in_turn(ways(metadata, provider), |way| async move {
        client(metadata, provider, way, None)?
            .set_device_authorization_url(endpoint.clone())
            .exchange_device_code()
            .add_scopes(scopes(provider))
            .add_extra_param("nonce", commitment.as_str().to_owned())
            .request_async(http)
            .await
            .map_err(|error| refused(WHAT, error))
    })
    .await?;
    checked(grant, provider)
}

/// Asks again and again, as often as the provider allows, until the person is done. The caller
/// bounds it by [`DeviceGrant::expires_in`].
pub async fn wait_for_tokens(
    http: &Http,
    documents: &ProviderDocuments,
    provider: &Provider,
    grant: &DeviceGrant,
) -> Result<Tokens, OidcError> {
    let metadata = &documents.metadata;
    in_turn(ways(metadata, provider), |way: Way| async move {
        let response = client(metadata, provider, way, None)?
            .exchange_device_access_token(&grant.0)
            .map_err(|error| no_token_endpoint(&error))?
            .request_async(
                http,
                |interval| tokio::time::sleep(interval.max(SHORTEST_INTERVAL)),
                Some(grant.expires_in()),
            )
            .await
            .map_err(|error| refused("token endpoint", error))?;
        Ok(tokens(&response))
    })
    .await
}

fn device_endpoint(
    documents: &ProviderDocuments,
    provider: &Provider,
) -> Result<DeviceAuthorizationUrl, OidcError> {
    let endpoint = documents
        .device_authorization_endpoint()
        .ok_or_else(|| OidcError::NoDeviceFlow(provider.issuer.clone()))?;
    DeviceAuthorizationUrl::new(endpoint.to_owned()).map_err(|_| OidcError::Endpoint {
        name: "device_authorization_endpoint",
        address: endpoint.to_owned(),
    })
}

/// Fails if the person would be sent to an address in clear, or the interval makes no sense.
fn checked(
    grant: CoreDeviceAuthorizationResponse,
    provider: &Provider,
) -> Result<DeviceGrant, OidcError> {
    let nonsense = |detail: String| OidcError::Nonsense { what: WHAT, detail };
    if grant.interval() > LONGEST_INTERVAL {
        return Err(nonsense(format!(
            "it wants to be asked every {} seconds only",
            grant.interval().as_secs()
        )));
    }
    let grant = DeviceGrant(grant);
    let complete = grant.verification_uri_complete();
    for uri in [Some(grant.verification_uri()), complete]
        .into_iter()
        .flatten()
    {
        if follow(&provider.issuer, &uri).is_none() {
            return Err(nonsense(format!("{uri} is not an https address")));
        }
    }
    Ok(grant)
}

#[cfg(test)]
mod tests {
    use opkssh_protocol::config::parse_provider_argument;
    use serde_json::{Value, json};

    use super::*;

    fn check(changed: Value) -> Result<DeviceGrant, String> {
        let mut answer = json!({
            "device_code": "secret",
            "user_code": "WDJB-MJHT",
            "verification_uri": "https://id.example.com/device",
            "verification_uri_complete": "https://id.example.com/device?user_code=WDJB-MJHT",
            "expires_in": 600,
        });
        for (name, value) in changed.as_object().unwrap() {
            answer[name] = value.clone();
        }
        let provider = parse_provider_argument("https://id.example.com,c").unwrap();
        checked(serde_json::from_value(answer).unwrap(), &provider)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_person_is_sent_to_https_only() {
        assert!(check(json!({})).is_ok());
        for name in ["verification_uri", "verification_uri_complete"] {
            for address in [
                "http://id.example.com/device",
                "http://localhost/x",
                "file:///etc",
            ] {
                let mut changed = json!({});
                changed[name] = address.into();
                let error = check(changed).err().unwrap();
                assert!(error.contains(address), "{error}");
            }
        }
    }

    #[test]
    fn numbers_of_the_provider_are_bounded() {
        assert!(check(json!({"interval": 0})).is_ok());
        assert!(check(json!({"interval": 61})).is_err());
        assert!(check(json!({"interval": u64::MAX})).is_err());
        let grant = check(json!({"expires_in": u64::MAX})).ok().unwrap();
        assert_eq!(grant.expires_in(), LONGEST_WAIT);
    }
}
