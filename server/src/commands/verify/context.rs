//! What a decision starts from, and what its steps share.

use std::path::{Path, PathBuf};

use super::admin_files::{AdminFiles, rows_of};
use super::arguments::VerifyArgs;
use super::error::VerifyError;
use crate::account::{self, AccountFacts};
use crate::key_source::{self, CacheChoice};
use crate::log::Log;
use crate::verify::{self, Peeked};

/// What is read before anything is parsed that a stranger sent.
pub(super) struct Inputs {
    pub peeked: Peeked,
    pub files: AdminFiles,
    /// The account that sshd asks about, where a rule has to know its kind.
    pub account: Option<AccountFacts>,
    /// Directory in which the keys of providers are kept.
    pub key_cache: Option<PathBuf>,
}

/// The arguments, the admin's files and the log, for each step.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub args: &'a VerifyArgs,
    pub files: &'a AdminFiles,
    pub key_cache: Option<&'a Path>,
    pub log: &'a Log,
}

/// Peeks at the certificate, and loads what the decision is made from.
pub(super) fn load_inputs(args: &VerifyArgs, log: &Log) -> Result<Inputs, VerifyError> {
    // most keys that are offered are not ours: nothing else is read for them
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

/// Looks up the account that sshd asks about, where a rule has to know its kind: before verify is
/// confined, since one of a directory service is looked up by running getent.
fn account_of(args: &VerifyArgs, files: &AdminFiles, log: &Log) -> Option<AccountFacts> {
    if !files.policy.rules.has_account_from() {
        return None;
    }
    account::facts(&args.principal)
        .inspect_err(|error| log.line(&format!("warning: no claim can name this account: {error}")))
        .ok()
}

/// Chooses the directory for keys, and makes it where it is verify's own to make.
fn choose_key_cache(args: &VerifyArgs, runs_others: bool, log: &Log) -> Option<PathBuf> {
    match key_source::locate(args.dirs.cache.as_deref(), runs_others) {
        CacheChoice::Directory(path) => Some(path),
        CacheChoice::None(reason) => {
            log.line(&format!("warning: keys are not kept: {reason}"));
            None
        }
    }
}
