//! Passes refused keys to the fallback command, if one is configured and nothing denies the login.

use std::io::Write;
use std::path::Path;

use opkssh_protocol::printable::quoted;

use super::VerifyArgs;
use super::admin_files::load_config;
use super::error::VerifyError;
use crate::authorized_keys;
use crate::config::DenyLists;
use crate::deadline::Deadline;
use crate::decision::Outcome;
use crate::etc;
use crate::fallback::{Fallback, Tokens};
use crate::key_source;
use crate::log::Log;
use crate::slots::{Limited, RunKind};

/// Passes on a key that was refused before the admin's files were loaded. Otherwise like
/// [`answer_by_fallback`].
pub(super) fn answer_without_files(
    args: &VerifyArgs,
    refused: VerifyError,
    log: &Log,
    out: &mut impl Write,
) -> Result<Outcome, VerifyError> {
    if !refused.allows_fallback() {
        return Err(refused);
    }
    let Some(fallback) = etc::load_settings(&args.dirs.etc)?.fallback else {
        return Err(refused);
    };
    let config = load_config(&args.dirs.etc, args.config_path.as_deref(), log)?;
    let key_cache = key_source::locate(args.dirs.cache.as_deref(), true).ok();
    let ask = || ask(args, &fallback, key_cache.as_deref(), log);
    answer_by_fallback(args, refused, (&fallback, &config.deny), ask, log, out)
}

/// Passes on the lines of the fallback, which `ask` runs. Fails with `refused` if there are none.
pub(super) fn answer_by_fallback(
    args: &VerifyArgs,
    refused: VerifyError,
    (fallback, deny): (&Fallback, &DenyLists),
    ask: impl FnOnce() -> Result<Vec<u8>, String>,
    log: &Log,
    out: &mut impl Write,
) -> Result<Outcome, VerifyError> {
    if !refused.allows_fallback() {
        return Err(refused);
    }
    let program = fallback.program.display();
    if deny.has_user(&args.principal) {
        log.line(&format!(
            "denied user {}: {program} is not asked",
            quoted(&args.principal)
        ));
        return Err(refused);
    }
    match ask() {
        Ok(lines) if lines.trim_ascii().is_empty() => {
            log.line(&format!("{program} has no key either"));
            Err(refused)
        }
        Ok(lines) => {
            authorized_keys::write_lines(&lines, out).map_err(VerifyError::Output)?;
            Ok(Outcome::ByFallback {
                program: program.to_string(),
                bytes: lines.len(),
                reason: refused.to_string(),
            })
        }
        Err(error) => {
            log.line(&format!("warning: the fallback {program} failed: {error}"));
            Err(refused)
        }
    }
}

/// Runs the command. Returns its stdout, or the reason why there is none.
pub(super) fn ask(
    args: &VerifyArgs,
    fallback: &Fallback,
    key_cache: Option<&Path>,
    log: &Log,
) -> Result<Vec<u8>, String> {
    let tokens = Tokens {
        account: &args.principal,
        key: &args.certificate,
        key_type: &args.key_type,
        extra: &args.extra,
    };
    let deadline = Deadline::after(fallback.timeout);
    let limited = Limited {
        kind: RunKind::Fallback,
        account: &args.principal,
        key_cache,
        deadline,
    };
    limited
        .run(log, || fallback.answer(tokens, deadline))?
        .map_err(|error| error.to_string())
}
