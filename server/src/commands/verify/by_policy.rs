//! The step of `verify` in which the policy decides: the system's files, the account's own file,
//! plugins.

use std::borrow::Cow;
use std::sync::Arc;

use super::admin_files::{AdminFiles, add_rows};
use super::arguments::VerifyArgs;
use super::error::VerifyError;
use super::monitor::Outside;
use super::plugins::variables;
use crate::log::Log;
use crate::policy::PolicyDenial;
use crate::verify::{Allowed, DenyReason, Identified, Verdict};

/// The system's file first; the user's own only if that has no row, as it may need sudo.
pub(super) fn allow_by_policy(
    args: &VerifyArgs,
    files: &AdminFiles,
    identified: &Identified,
    outside: &mut Outside<'_>,
    log: &Log,
) -> Result<Allowed, VerifyError> {
    let principal = args.principal.as_str();
    let deny = &files.config.deny;
    for problem in &files.policy_problems {
        log.line(problem);
    }
    let mut tell = |step: String| log.detail(&step);
    match identified.decide_telling(principal, &files.policy, deny, &mut tell) {
        Verdict::Allow(allowed) => return Ok(allowed),
        Verdict::Deny(DenyReason::Policy(PolicyDenial::NoRule { .. })) => {}
        Verdict::Deny(reason) => return Err(reason.into()),
    }
    let (mut policy, mut refusal) = (Cow::Borrowed(&files.policy), None);
    match (outside.home_policy(), &files.no_auth_id) {
        (Ok(home), _) => {
            for problem in add_rows(policy.to_mut(), &home.path, &home.bytes) {
                log.line(&problem);
            }
        }
        (Err(home), Some(system)) => {
            let (system, home) = (Arc::clone(system), Box::new(home));
            refusal = Some(VerifyError::NoPolicy { system, home });
        }
        (Err(home), None) if home.is_absent => {}
        (Err(home), None) => log.line(&format!("warning: home policy not used: {home}")),
    }
    let reason = match identified.decide(principal, &policy, deny) {
        Verdict::Allow(allowed) => return Ok(allowed),
        Verdict::Deny(reason) => reason,
    };
    // last, so that a plugin takes no restriction away that a rule gives
    if !matches!(reason, DenyReason::Policy(PolicyDenial::NoRule { .. })) {
        return Err(reason.into());
    }
    identified.is_refused(principal, &policy, deny)?;
    for problem in &files.plugins.problems {
        log.line(&format!("warning: {problem}"));
    }
    let asked = match files.plugins.is_empty() {
        true => None,
        false => variables(args, identified, log),
    };
    if let Some(plugin) = asked.and_then(|asked| outside.ask_plugins(asked, log)) {
        return Ok(identified.let_in_by_plugin(principal, &policy, deny, &plugin)?);
    }
    Err(refusal.unwrap_or_else(|| reason.into()))
}
