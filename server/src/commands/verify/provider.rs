//! The steps of `verify` that need the provider: its keys, from a file, the cache or the provider,
//! and claims missing from the ID token.

use opkssh_protocol::key_set::KeySet;

use super::context::Context;
use super::error::VerifyError;
use crate::deadline::Deadline;
use crate::decision::Seen;
use crate::http::Network;
use crate::key_source::{KeyCache, KeySource as _, Store, WhenAsked, read_jwks_file};
use crate::userinfo::{Userinfo, UserinfoRequest};
use crate::verify::{Candidate, Identified};

pub(super) fn keys_for(
    context: Context<'_>,
    candidate: &Candidate,
    deadline: Deadline,
    seen: &mut Seen,
) -> Result<KeySet, VerifyError> {
    let Context { files, log, .. } = context;
    let issuer = candidate.issuer();
    if let Some(path) = files.settings.jwks_files.get(issuer) {
        return read_jwks_file(path).map_err(|error| VerifyError::JwksFile {
            issuer: issuer.to_owned(),
            error,
        });
    }
    let source = WhenAsked {
        env_vars: &files.config.env_vars,
    };
    let Some(directory) = context.key_cache else {
        return Ok(source.fetch(issuer, deadline)?.keys);
    };
    let store = match Store::open(directory) {
        Ok(store) => store,
        Err(error) => {
            log.line(&format!("warning: key cache not used: {error}"));
            return Ok(source.fetch(issuer, deadline)?.keys);
        }
    };
    let cache = KeyCache::new(&store, &source, files.settings.key_cache);
    let found = cache.keys(issuer, deadline, |keys| candidate.suits(keys))?;
    for notice in &found.notices {
        log.line(&format!("warning: {notice}"));
    }
    if let Some(age) = found.age {
        log.detail(&format!("keys of {issuer} from the cache, {age} s old"));
    }
    seen.keys_age = found.age;
    Ok(found.keys)
}

/// Asks for userinfo if the certificate contains an access token. Without an answer, only the ID
/// token counts.
pub(super) fn ask_userinfo(
    context: Context<'_>,
    identified: &Identified,
    deadline: Deadline,
) -> Option<Userinfo> {
    let Context { files, log, .. } = context;
    let claims = identified.claims();
    let request = UserinfoRequest {
        issuer: claims.iss(),
        subject: claims.sub(),
        token: identified.access_token()?,
    };
    let network = || Network::new(&files.config.env_vars, |name| std::env::var(name).ok());
    let store = context
        .key_cache
        .and_then(|directory| Store::open(directory).ok());
    request
        .ask(network, store.as_ref(), deadline)
        .inspect_err(|error| log.line(&format!("warning: userinfo not used: {error}")))
        .ok()
}
