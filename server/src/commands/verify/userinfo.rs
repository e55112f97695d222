//! The step of `verify` in which the provider is asked for what is not in the ID token.

use crate::config::ServerConfig;
use crate::http::Network;
use crate::log::Log;
use crate::userinfo::{Userinfo, UserinfoError};
use crate::verify::Identified;

/// Asks only for who brings an access token. Without an answer, the ID token alone counts.
pub(super) fn ask_userinfo(identified: Identified, config: &ServerConfig, log: &Log) -> Identified {
    let Some(token) = identified.access_token() else {
        return identified;
    };
    let claims = identified.claims();
    let told = Network::new(&config.env_vars, |name| std::env::var(name).ok())
        .map_err(UserinfoError::from)
        .and_then(|network| Userinfo::ask(claims.iss(), claims.sub(), token, &network));
    match told {
        Ok(userinfo) => identified.with_userinfo(userinfo),
        Err(error) => {
            log.line(&format!("warning: userinfo not used: {error}"));
            identified
        }
    }
}
