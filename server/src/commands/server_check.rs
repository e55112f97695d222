//! `opkssh server check`: checks that verify, as its account, can use its files. `server install`
//! runs it before it changes sshd's configuration.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::verify::{AdminFiles, VerifyError};
use crate::account::{self, AccountError};
use crate::admin_error::AdminError;
use crate::etc::{self, ACCOUNT, AUTH_ID, SETTINGS};
use crate::install;
use crate::key_source::read_jwks_file;
use crate::log::Log;
use crate::run_as::{command_as, exit_code};

#[derive(Debug, Clone, clap::Args)]
pub struct ServerCheckArgs {
    /// Directory of providers, auth_id, config.yml and the others
    #[arg(long, value_name = "DIR", default_value = etc::DIRECTORY)]
    pub etc: PathBuf,
    /// Print nothing unless there is a problem
    #[arg(short, long)]
    pub quiet: bool,
}

/// Loads all files of verify. Root does this in a process of verify's account, and returns the exit
/// status of that process, otherwise 0.
pub fn server_check(args: &ServerCheckArgs, out: &mut impl Write) -> Result<u8, AdminError> {
    if rustix::process::geteuid().is_root() {
        return as_account(args);
    }
    check_files(&args.etc, &Log::to(io::stderr()))?;
    if !args.quiet {
        let account = account::name_of(rustix::process::geteuid().as_raw());
        writeln!(out, "verify can use its files, as {account}.").map_err(AdminError::output)?;
    }
    Ok(0)
}

/// Loads all files of verify as this process. Fails if one cannot be used.
pub(super) fn check_files(etc: &Path, log: &Log) -> Result<(), AdminError> {
    let files = AdminFiles::load(etc, None, None, log).map_err(|error| {
        let is_for_root = error.file_error().is_some_and(etc::needs_root);
        let known = error.admin_error(etc);
        if is_for_root {
            known.not_known()
        } else {
            known
        }
    })?;
    if let Some(error) = files.no_auth_id {
        return Err(AdminError::new(format!("error loading policy: {error}"))
            .with_hint(etc::admin_hint(&error, AUTH_ID.mode)));
    }
    for (issuer, path) in &files.settings.jwks_files {
        read_jwks_file(path).map_err(|error| {
            let issuer = issuer.clone();
            VerifyError::JwksFile { issuer, error }.admin_error(etc)
        })?;
    }
    if let Some(fallback) = &files.settings.fallback {
        fallback
            .check_owner_and_mode()
            .and_then(|()| fallback.check_start())
            .map_err(|error| {
                AdminError::new(format!(
                    "the fallback of server.yml would not be run: {error}"
                ))
                .hinting(format!("run: sudoedit {}", SETTINGS.path_in(etc).display()))
            })?;
    }
    Ok(())
}

fn as_account(args: &ServerCheckArgs) -> Result<u8, AdminError> {
    let failed = |error: io::Error| AdminError::new(format!("cannot run as {ACCOUNT}: {error}"));
    let account = install::identity_of(ACCOUNT).ok_or_else(|| {
        AdminError::new(AccountError::Unknown(ACCOUNT.to_owned())).hinting(etc::NOT_SET_UP)
    })?;
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = command_as(account.uid, account.gid, &program);
    command.args(["server", "check", "--etc"]).arg(&args.etc);
    if args.quiet {
        command.arg("--quiet");
    }
    command.status().map(exit_code).map_err(failed)
}
