//! The step of `verify` that asks the provider for claims missing from the ID token.

use super::context::Context;
use crate::deadline::Deadline;
use crate::http::Network;
use crate::key_source::Store;
use crate::userinfo::UserinfoRequest;
use crate::verify::Identified;

/// Asks if the certificate contains an access token. Without an answer, only the ID token counts.
pub(super) fn ask_userinfo(
    context: Context<'_>,
    identified: Identified,
    deadline: Deadline,
) -> Identified {
    let Context { files, log, .. } = context;
    let Some(token) = identified.access_token() else {
        return identified;
    };
    let claims = identified.claims();
    let request = UserinfoRequest {
        issuer: claims.iss(),
        subject: claims.sub(),
        token,
    };
    let network = || Network::new(&files.config.env_vars, |name| std::env::var(name).ok());
    let store = context
        .key_cache
        .and_then(|directory| Store::open(directory).ok());
    match request.ask(network, store.as_ref(), deadline) {
        Ok(userinfo) => identified.with_userinfo(userinfo),
        Err(error) => {
            log.line(&format!("warning: userinfo not used: {error}"));
            identified
        }
    }
}
