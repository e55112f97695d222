//! `opkssh server check`: checks that verify, as its account, can use its files. `server install`
//! runs it before it changes sshd's configuration.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::verify::{AdminFiles, VerifyError};
use crate::account::{self, AccountError};
use crate::etc::{self, ACCOUNT, AUTH_ID};
use crate::fallback::FallbackError;
use crate::files::FileError;
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

#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error("{0}")]
    Files(#[from] VerifyError),
    #[error("error loading policy: {0}")]
    NoAuthId(Arc<FileError>),
    #[error("the fallback of server.yml would not be run: {0}")]
    Fallback(#[from] FallbackError),
    #[error("{0}")]
    Account(#[from] AccountError),
    #[error("cannot run as {ACCOUNT}: {0}")]
    AsAccount(io::Error),
    #[error("cannot write the answer: {0}")]
    Output(io::Error),
}

impl CheckError {
    /// Returns the next command to run, if there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Files(error) => error.hint(),
            Self::Account(_) => Some("Run: sudo opkssh server install".into()),
            Self::Fallback(_) => Some("Run: sudoedit /etc/opk/server.yml".into()),
            Self::NoAuthId(error) => etc::hint_for(error, AUTH_ID.mode),
            Self::AsAccount(_) | Self::Output(_) => None,
        }
    }
}

/// Loads all files of verify. Root does this in a process of verify's account, and returns the exit
/// status of that process, otherwise 0.
pub fn server_check(args: &ServerCheckArgs, out: &mut impl Write) -> Result<u8, CheckError> {
    if rustix::process::geteuid().is_root() {
        return as_account(args);
    }
    let log = Log::to(io::stderr());
    let files = AdminFiles::load(&args.etc, None, None, &log)?;
    if let Some(error) = files.no_auth_id {
        return Err(CheckError::NoAuthId(error));
    }
    for (issuer, path) in &files.settings.jwks_files {
        read_jwks_file(path).map_err(|error| VerifyError::JwksFile {
            issuer: issuer.clone(),
            error,
        })?;
    }
    if let Some(fallback) = &files.settings.fallback {
        fallback.check_owner_and_mode()?;
        fallback.check_start()?;
    }
    if !args.quiet {
        let account = account::name_of(rustix::process::geteuid().as_raw());
        writeln!(out, "verify can use its files, as {account}.").map_err(CheckError::Output)?;
    }
    Ok(0)
}

fn as_account(args: &ServerCheckArgs) -> Result<u8, CheckError> {
    let account =
        install::identity_of(ACCOUNT).ok_or_else(|| AccountError::Unknown(ACCOUNT.to_owned()))?;
    let program = std::env::current_exe().map_err(CheckError::AsAccount)?;
    let mut command = command_as(account.uid, account.gid, &program);
    command.args(["server", "check", "--etc"]).arg(&args.etc);
    if args.quiet {
        command.arg("--quiet");
    }
    command
        .status()
        .map(exit_code)
        .map_err(CheckError::AsAccount)
}
