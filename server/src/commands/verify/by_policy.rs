//! The policy step of `verify`: denials, the system's files, the account's own file, plugins.

use std::sync::Arc;

use super::admin_files::{problem_lines, rows_of};
use super::context::Context;
use super::error::VerifyError;
use super::monitor::PrivilegedSide;
use super::plugins::variables;
use crate::policy::{Policy, RowFile};
use crate::verify::{Allowed, Identified};

/// Checks denials once. Then allows by the system's files, by the account's own file (which may
/// need sudo), or by a plugin. Plugins run only when no rule matched; otherwise they could bypass a
/// rule's options.
pub(super) fn allow_by_policy(
    context: Context<'_>,
    identified: &Identified,
    privileged: &mut PrivilegedSide<'_>,
) -> Result<Allowed, VerifyError> {
    let Context {
        args, files, log, ..
    } = context;
    for problem in &files.policy_problems {
        log.line(problem);
    }
    let mut tell = |step: String| log.detail(&step);
    let deny = &files.config.deny;
    let undenied = identified.check_denials(&args.principal, &files.policy, deny, &mut tell)?;
    let mut no_rule = match undenied.allowed_by(&files.policy, &mut tell) {
        Err(reason) if reason.is_no_rule() => reason,
        decided => return Ok(decided?),
    };
    let mut refusal = None;
    match (privileged.home_policy(), &files.no_auth_id) {
        (Ok(home), _) => {
            let mut policy = Policy::default();
            let path = home.path.display().to_string();
            let rows = RowFile::parse(&path, rows_of(args, log), &home.bytes);
            for problem in problem_lines(policy.add(rows)) {
                log.line(&problem);
            }
            match undenied.allowed_by(&policy, &mut tell) {
                Err(reason) if reason.is_no_rule() => no_rule.add_source(&home.path),
                decided => return Ok(decided?),
            }
        }
        (Err(home), Some(system)) => {
            let (system, home) = (Arc::clone(system), Box::new(home));
            refusal = Some(VerifyError::NoPolicy { system, home });
        }
        (Err(home), None) if home.is_absent => {}
        (Err(home), None) => log.line(&format!("warning: home policy not used: {home}")),
    }
    for problem in &files.plugins.problems {
        log.line(&format!("warning: {problem}"));
    }
    let asked = match files.plugins.is_empty() {
        true => None,
        false => variables(context, identified),
    };
    if let Some(plugin) = asked.and_then(|asked| privileged.ask_plugins(asked, log)) {
        return Ok(undenied.allowed_by_plugin(&plugin)?);
    }
    Err(refusal.unwrap_or_else(|| no_rule.into()))
}
