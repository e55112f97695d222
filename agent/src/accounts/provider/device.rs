//! The device authorization endpoint and the polling of the token endpoint (RFC 8628 sections 3.1
//! to 3.5).

use std::time::Duration;

use openidconnect::DeviceAuthorizationUrl;
use openidconnect::core::CoreDeviceAuthorizationResponse;
use opkssh_protocol::cic::Commitment;

use super::discovery::ProviderClient;
use super::http::follow;
use super::tokens::{refused, tokens};
use super::{OidcError, Tokens};

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

    /// Fails if the person would be sent to an address in clear, or the interval makes no sense.
    fn check(&self, issuer: &str) -> Result<(), OidcError> {
        if self.0.interval() > LONGEST_INTERVAL {
            let seconds = self.0.interval().as_secs();
            let detail = format!("it wants to be asked every {seconds} seconds only");
            return Err(OidcError::nonsense(WHAT, detail));
        }
        let complete = self.verification_uri_complete();
        for uri in [self.verification_uri()].into_iter().chain(complete) {
            if follow(issuer, &uri).is_none() {
                let detail = format!("{uri} is not an https address");
                return Err(OidcError::nonsense(WHAT, detail));
            }
        }
        Ok(())
    }
}

impl ProviderClient {
    /// Asks for a code. The commitment goes along as `nonce`, which RFC 8628 does not know.
    pub async fn ask_for_code(&self, commitment: &Commitment) -> Result<DeviceGrant, OidcError> {
        let endpoint = &self.device_endpoint()?;
        let grant = self.in_turn(|way| async move {
            self.client(way)
                .set_device_authorization_url(endpoint.clone())
                .exchange_device_code()
                .add_scopes(self.scopes())
                .add_extra_param("nonce", commitment.as_str().to_owned())
                .request_async(&self.http)
                .await
                .map_err(|error| refused(WHAT, error))
        });
        let grant = DeviceGrant(grant.await?);
        grant.check(&self.provider.issuer)?;
        Ok(grant)
    }

    /// Asks again and again, as often as the provider allows, until the person is done.
    pub async fn wait_for_tokens(&self, grant: &DeviceGrant) -> Result<Tokens, OidcError> {
        let polling = self.in_turn(|way| async move {
            let answer = self
                .client(way)
                .exchange_device_access_token(&grant.0)?
                .request_async(
                    &self.http,
                    |interval| tokio::time::sleep(interval.max(SHORTEST_INTERVAL)),
                    Some(grant.expires_in()),
                )
                .await;
            tokens(answer)
        });
        match tokio::time::timeout(grant.expires_in(), polling).await {
            Err(_) => Err(OidcError::CodeExpired),
            Ok(Err(error)) if error.code() == Some("expired_token") => Err(OidcError::CodeExpired),
            Ok(answer) => answer,
        }
    }

    fn device_endpoint(&self) -> Result<DeviceAuthorizationUrl, OidcError> {
        let further = self.metadata.additional_metadata();
        let Some(address) = further.device_authorization_endpoint.clone() else {
            return Err(OidcError::NoDeviceFlow(self.provider.issuer.clone()));
        };
        DeviceAuthorizationUrl::new(address.clone()).map_err(|_| OidcError::Endpoint {
            name: "device_authorization_endpoint",
            address,
        })
    }
}

#[cfg(test)]
mod tests;
