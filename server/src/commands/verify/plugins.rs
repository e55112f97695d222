//! The step of `verify` that asks policy plugins.

use opkssh_protocol::base64url;
use opkssh_protocol::pk_token::UnverifiedPkToken;

use super::context::Context;
use crate::deadline::Deadline;
use crate::plugin::{Plugins, Request, Variables};
use crate::slots::{Limited, RunKind};
use crate::userinfo::Userinfo;
use crate::verify::Identified;

/// Returns the data for plugins about an identified login.
pub(super) fn variables(context: Context<'_>, identified: &Identified) -> Option<Variables> {
    let Context { args, log, .. } = context;
    let (pk_token, id_token) = identified.compact_tokens();
    // in Go's member order; it was parsed and verified before
    let pk_token = UnverifiedPkToken::parse_compact(pk_token).ok()?.compact();
    let payload = pk_token.split(':').next().unwrap_or_default();
    let userinfo = identified.userinfo.as_ref().map(Userinfo::json);
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

/// Asks every plugin in `policy.d`. Returns the name of the first one that allows.
pub(super) fn ask(context: Context<'_>, variables: &Variables) -> Option<String> {
    let Context { files, log, .. } = context;
    let deadline = Deadline::after(Plugins::TIMEOUT);
    let limited = Limited {
        kind: RunKind::Plugins,
        account: &context.args.principal,
        key_cache: context.key_cache,
        deadline,
    };
    let env_vars = &files.config.env_vars;
    let allowing = limited.run(log, || {
        files.plugins.ask(variables, env_vars, deadline, log)
    });
    allowing
        .unwrap_or_else(|error| {
            log.line(&format!("warning: plugins are not asked: {error}"));
            None
        })
        .map(str::to_owned)
}
