//! The step of `verify` in which the provider is asked for what is not in the ID token.

use crate::config::ServerConfig;
use crate::error::ServerError;
use crate::key_source::Network;
use crate::log::Log;
use crate::userinfo::Userinfo;
use crate::verify::Identified;

/// Asks only for who brings an access token. Without an answer, the ID token alone counts.
pub(super) fn ask_userinfo(
    identified: Identified,
    config: &ServerConfig,
    log: &Log,
) -> Result<Identified, ServerError> {
    let Some(token) = identified.access_token() else {
        return Ok(identified);
    };
    let network = Network::new(&config.env_vars, |name| std::env::var(name).ok())?;
    let claims = identified.claims();
    match Userinfo::ask(claims.iss(), claims.sub(), token, &network) {
        Ok(userinfo) => Ok(identified.with_userinfo(userinfo)),
        Err(error) => {
            log.line(&format!("warning: userinfo not used: {error}"));
            Ok(identified)
        }
    }
}
