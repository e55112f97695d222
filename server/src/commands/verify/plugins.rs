//! The step of `verify` in which policy plugins may say yes.

use std::path::Path;

use opkssh_protocol::base64url;
use opkssh_protocol::pk_token::UnverifiedPkToken;

use super::admin_files::AdminFiles;
use super::arguments::VerifyArgs;
use crate::confine::{self, Shield};
use crate::deadline::Deadline;
use crate::etc;
use crate::key_source;
use crate::log::Log;
use crate::plugin::{Plugins, Request, Variables};
use crate::slots::{self, RunKind};
use crate::userinfo::Userinfo;
use crate::verify::Identified;

/// What plugins are told about somebody who is identified and not refused.
pub(super) fn variables(
    args: &VerifyArgs,
    identified: &Identified,
    log: &Log,
) -> Option<Variables> {
    let (pk_token, id_token) = identified.compact_tokens();
    // in the order that Go writes; it was read and verified before
    let pk_token = UnverifiedPkToken::parse_compact(pk_token).ok()?.compact();
    let payload = pk_token.split(':').next().unwrap_or_default();
    let userinfo = identified.userinfo().map(Userinfo::json);
    let request = Request {
        principal: &args.principal,
        certificate: &args.certificate,
        key_type: &args.key_type,
        extra: &args.extra,
        claims: identified.claims(),
        payload: &base64url::decode(payload).ok()?,
        user_key: identified.user_key(),
        pk_token: &pk_token,
        id_token: &id_token,
        userinfo: userinfo.as_deref(),
    };
    Variables::of(&request)
        .map_err(|error| log.line(&format!("warning: no plugin is asked: {error}")))
        .ok()
}

/// Asks every plugin in `policy.d`; the name of the first that said yes.
pub(super) fn ask(
    args: &VerifyArgs,
    files: &AdminFiles,
    variables: &Variables,
    log: &Log,
) -> Option<String> {
    let deadline = Deadline::after(Plugins::TIMEOUT);
    let slot = slots::take_or_log(
        files.key_cache.as_deref().unwrap_or(Path::new(etc::CACHE)),
        RunKind::Plugins,
        &args.principal,
        deadline,
        log,
    );
    let _slot = slot
        .map_err(|error| log.line(&format!("warning: plugins are not asked: {error}")))
        .ok()?;
    // who can write to the cache decides who gets in, whatever refuses
    let protected = key_source::protected(files.key_cache.as_deref());
    let (allowing, shield) = confine::without_writing_to(&protected, || {
        let env_vars = &files.config.env_vars;
        files.plugins.ask(variables, env_vars, deadline, log)
    });
    if shield == Shield::NotKept {
        log.line(&format!(
            "warning: plugins are not kept from writing to {}: this kernel cannot, or a file system \
             beside it did not answer",
            protected.display()
        ));
    }
    allowing.flatten().map(str::to_owned)
}
