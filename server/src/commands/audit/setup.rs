//! Checks that verify's account and sshd are set up.

use std::io;
use std::path::Path;

use super::report::Kind;
use super::sshd_config::verify_commands;
use super::{AuditArgs, Findings, SSHD_CONFIG};
use crate::account;
use crate::commands::output::note;
use crate::commands::server_check::check_files;
use crate::etc::{self, ACCOUNT};
use crate::install::{self, Sshd, SshdState};
use crate::log::Log;
use crate::permissions::{self, ServerPaths};

impl Findings {
    /// Reports what verify's account cannot read or run.
    pub fn reachability(&mut self, etc: &Path, cache: &Path) {
        let place = ServerPaths {
            etc: etc.to_owned(),
            group: ACCOUNT.to_owned(),
            cache: cache.to_owned(),
        };
        if etc != Path::new(etc::DIRECTORY) {
            note(&format!(
                "not checked outside of {}: the account {ACCOUNT}, owners and groups; \
                 run: opkssh permissions check{}",
                etc::DIRECTORY,
                etc::option(etc)
            ));
        } else if account::find(ACCOUNT).is_err() {
            let reason = format!("there is no account {ACCOUNT}, so sshd cannot run verify");
            self.error(Kind::UnknownAccount, etc.display(), reason, etc::NOT_SET_UP);
        }
        for obstacle in permissions::obstacles_of_verify(&place) {
            let problem = obstacle.describe(ACCOUNT);
            let hint = format!("run: sudo opkssh permissions fix{}", etc::option(etc));
            self.error(Kind::NotAccessible, obstacle.path.display(), problem, &hint);
        }
        // only root can become that account; other directories belong to tests or demonstrations
        let is_here = etc == Path::new(etc::DIRECTORY) && account::find(ACCOUNT).is_ok();
        // what root cannot use either was reported by itself
        if is_here
            && rustix::process::geteuid().is_root()
            && check_files(etc, &Log::to(io::sink())).is_ok()
            && let Ok(program) = std::env::current_exe()
            && let Err(error) = install::check_as_account(&program)
        {
            let hint = error.hint().unwrap_or_default();
            self.error(Kind::NotAccessible, etc.display(), error, &hint);
        }
    }

    /// Reports settings of sshd that refuse our certificates, and that sshd does not run verify.
    /// Fails if `sshd -T` fails, as it does without root.
    pub fn sshd(&mut self, args: &AuditArgs) -> Result<(), String> {
        let config = &args.sshd_config;
        let sshd = Sshd::find().map_err(|error| error.to_string())?;
        let settings = sshd.settings(Some(config));
        let settings = settings.map_err(|error| error.to_string())?;
        for refusal in install::refusals(&settings) {
            let hint = "change it there";
            self.warning(Kind::SshdSetting, config.display(), refusal, hint);
        }
        // this machine's sshd need not run verify for the files of another directory
        let is_meant =
            args.dirs.etc == Path::new(etc::DIRECTORY) || config != Path::new(SSHD_CONFIG);
        if is_meant && verify_commands(config).is_empty() {
            match settings.state() {
                SshdState::Opkssh { .. } => {}
                SshdState::None => self.error(
                    Kind::SshdSetting,
                    config.display(),
                    "no AuthorizedKeysCommand, so nobody can log in with opkssh",
                    etc::NOT_SET_UP,
                ),
                // it may be a script that runs verify
                SshdState::Other(command) => self.warning(
                    Kind::SshdSetting,
                    config.display(),
                    format!("sshd runs another AuthorizedKeysCommand: {command}"),
                    etc::NOT_SET_UP,
                ),
            }
        }
        Ok(())
    }
}
