//! What verify does with keys that it does not let in: it asks the fallback command, if there is
//! one and no deny list is against it.

use std::io::{self, Write};
use std::path::Path;

use opkssh_protocol::printable::quoted;

use super::admin_files::load_config;
use super::arguments::VerifyArgs;
use super::error::VerifyError;
use crate::config::DenyLists;
use crate::confine::{self, Shield};
use crate::deadline::Deadline;
use crate::etc;
use crate::fallback::{Fallback, Tokens};
use crate::log::Log;
use crate::slots::{self, RunKind};

/// The source of the lines that sshd got.
pub(super) enum Answered {
    Ours {
        /// File and line, or file and rule.
        rule: String,
    },
    Fallback {
        program: String,
        bytes: usize,
        /// Why the lines are not ours.
        refused: VerifyError,
    },
}

/// For a key that nothing was read for yet.
pub(super) fn answer_unread(
    args: &VerifyArgs,
    refused: VerifyError,
    log: &Log,
    out: &mut impl Write,
) -> Result<Answered, VerifyError> {
    if !refused.leaves_it_to_others() {
        return Err(refused);
    }
    let Some(fallback) = etc::load_settings(&args.etc)?.fallback else {
        return Err(refused);
    };
    let config = load_config(&args.etc, args.config_path.as_deref(), log)?;
    let outside = || ask(args, &fallback, log);
    answer(args, refused, (&fallback, &config.deny), outside, log, out)
}

/// Passes the fallback's lines on, which `outside` asks for. Where there are none, `refused` is the
/// answer.
pub(super) fn answer(
    args: &VerifyArgs,
    refused: VerifyError,
    (fallback, deny): (&Fallback, &DenyLists),
    outside: impl FnOnce() -> Result<Vec<u8>, String>,
    log: &Log,
    out: &mut impl Write,
) -> Result<Answered, VerifyError> {
    if !refused.leaves_it_to_others() {
        return Err(refused);
    }
    let program = fallback.program().display();
    if deny.has_user(&args.principal) {
        log.line(&format!(
            "denied user {}: {program} is not asked",
            quoted(&args.principal)
        ));
        return Err(refused);
    }
    match outside() {
        Ok(lines) if lines.trim_ascii().is_empty() => {
            log.line(&format!("{program} knows nothing of it either"));
            Err(refused)
        }
        Ok(lines) => {
            write(&lines, out).map_err(VerifyError::Output)?;
            Ok(Answered::Fallback {
                program: program.to_string(),
                bytes: lines.len(),
                refused,
            })
        }
        Err(error) => {
            log.line(&format!("warning: the fallback {program} failed: {error}"));
            Err(refused)
        }
    }
}

/// Runs the command; its stdout, or why there is none.
pub(super) fn ask(args: &VerifyArgs, fallback: &Fallback, log: &Log) -> Result<Vec<u8>, String> {
    let tokens = Tokens {
        account: &args.principal,
        key: &args.certificate,
        key_type: &args.key_type,
        extra: &args.extra,
    };
    let deadline = Deadline::after(fallback.timeout());
    // verify makes no cache of its own where there is a fallback
    let cache = args.cache.as_deref().unwrap_or(Path::new(etc::CACHE));
    let _slot = slots::take_or_log(cache, RunKind::Fallback, &args.principal, deadline, log)?;
    // who can write to the cache decides who gets in by our rules
    let answer = || fallback.answer(tokens, deadline);
    let (answered, shield) = confine::without_writing_to(cache, answer);
    if shield == Shield::NotKept {
        log.line(&format!(
            "warning: {} is not kept from writing to {}: this kernel cannot, or a file system \
             beside it did not answer",
            fallback.program().display(),
            cache.display()
        ));
    }
    match answered {
        Some(answered) => answered.map_err(|error| error.to_string()),
        None => Err("internal error".to_owned()),
    }
}

/// sshd closes early when it has seen enough.
fn write(lines: &[u8], out: &mut impl Write) -> io::Result<()> {
    match out.write_all(lines).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
