//! The login on another device, for a machine without a browser: the person types a code at the
//! provider while we ask whether it is done (device authorization grant, RFC 8628).
//!
//! The grant has no nonce of its own. We send the commitment as one, and only a provider that puts
//! it into the ID token can be used this way: without it nothing ties the token to the user key.

use opkssh_protocol::config::Provider;
use opkssh_protocol::control::Event;
use opkssh_protocol::pk_token::PkTokenError;

use super::LoginAttempt;
use super::begun::{Begun, LoggedIn};
use super::error::LoginError;

impl LoginAttempt<'_> {
    /// Logs in at `provider`. Dropping the future ends the asking.
    pub(super) async fn on_another_device(
        &self,
        provider: &Provider,
    ) -> Result<LoggedIn, LoginError> {
        let begun = Begun::begin(self, provider).await?;
        self.waiting("Asking the provider for a code");
        let grant = begun.client.ask_for_code(&begun.cic.commitment()).await?;
        (self.tell)(Event::DeviceCode {
            user_code: grant.user_code(),
            verification_uri: grant.verification_uri(),
            verification_uri_complete: grant.verification_uri_complete(),
            expires_in: grant.expires_in().as_secs(),
        });
        self.waiting("Waiting for the login on the other device");
        let tokens = begun.client.wait_for_tokens(&grant).await?;
        let logged_in = begun.finish(self, tokens).await;
        logged_in.map_err(|error| match error {
            LoginError::PkToken(PkTokenError::NoCommitment("nonce")) => {
                LoginError::NoNonceInDeviceFlow(provider.issuer.clone())
            }
            error => error,
        })
    }
}
