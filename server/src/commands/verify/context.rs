//! The inputs of a decision, and the context of its steps.

use std::path::{Path, PathBuf};

use super::VerifyArgs;
use super::admin_files::{AdminFiles, rows_of};
use super::error::VerifyError;
use crate::account::{self, LocalAccount};
use crate::key_source;
use crate::log::Log;
use crate::verify::{self, Peeked};

/// Inputs that are read before anything sent by the client is parsed.
pub(super) struct Inputs {
    pub peeked: Peeked,
    pub files: AdminFiles,
    /// The account that sshd asks about, if a rule needs its kind.
    pub account: Option<LocalAccount>,
    pub key_cache: Option<PathBuf>,
}

/// Arguments, admin files and log, for each step.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub args: &'a VerifyArgs,
    pub files: &'a AdminFiles,
    pub key_cache: Option<&'a Path>,
    pub log: &'a Log,
}

/// Recognizes the certificate, and loads the admin's files.
pub(super) fn load_inputs(args: &VerifyArgs, log: &Log) -> Result<Inputs, VerifyError> {
    // most offered keys are not certificates of opkssh; nothing else is read for them
    let peeked = verify::peek(&args.key_type, &args.certificate)?;
    let config = args.config_path.as_deref();
    let files = AdminFiles::load(&args.dirs.etc, config, rows_of(args, log), log)?;
    Ok(Inputs {
        peeked,
        account: account_of(args, &files, log),
        key_cache: choose_key_cache(args, files.runs_others(), log),
        files,
    })
}

impl Inputs {
    pub fn context<'a>(&'a self, args: &'a VerifyArgs, log: &'a Log) -> Context<'a> {
        Context {
            args,
            files: &self.files,
            key_cache: self.key_cache.as_deref(),
            log,
        }
    }
}

/// Looks up the account that sshd asks about, if a rule needs its kind. Runs before verify is
/// confined, because directory services need getent.
fn account_of(args: &VerifyArgs, files: &AdminFiles, log: &Log) -> Option<LocalAccount> {
    if !files.policy.rules.has_account_from() {
        return None;
    }
    account::facts(&args.principal)
        .inspect_err(|error| log.line(&format!("warning: no claim can name this account: {error}")))
        .ok()
}

/// Chooses the key cache directory, and creates it if it is verify's own.
fn choose_key_cache(args: &VerifyArgs, runs_others: bool, log: &Log) -> Option<PathBuf> {
    key_source::locate(args.dirs.cache.as_deref(), runs_others)
        .inspect_err(|reason| log.line(&format!("warning: keys are not cached: {reason}")))
        .ok()
}
