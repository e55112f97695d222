//! The step of `verify` that gets the provider's keys: from a file, the cache or the provider.

use opkssh_protocol::key_set::KeySet;

use super::context::Context;
use super::error::VerifyError;
use crate::deadline::Deadline;
use crate::decision::Seen;
use crate::key_source::{KeyCache, KeySource as _, Origin, Store, WhenAsked, read_jwks_file};
use crate::verify::Candidate;

/// Returns the keys of the candidate's issuer.
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
    if let Origin::Store { age } = found.origin {
        log.detail(&format!("keys of {issuer} from the cache, {age} s old"));
        seen.keys_age = Some(age);
    }
    Ok(found.keys)
}
