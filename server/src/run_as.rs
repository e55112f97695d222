//! Runs commands of root as another account, in a separate process.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::account;

const SETPRIV: [&str; 2] = ["/usr/bin/setpriv", "/bin/setpriv"];

/// Returns a command that runs `program` as this user and group, with the account's supplementary
/// groups, as sshd runs verify. It has no supplementary groups without setpriv(1) or an account of
/// this uid.
pub(crate) fn command_as(uid: u32, gid: u32, program: &Path) -> Command {
    let is_account = account::name_of(uid) != uid.to_string();
    match setpriv().filter(|_| is_account) {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command
                .arg(format!("--reuid={uid}"))
                .arg(format!("--regid={gid}"))
                .args(["--init-groups", "--"])
                .arg(program);
            command
        }
        None => {
            let mut command = Command::new(program);
            command.uid(uid).gid(gid);
            command
        }
    }
}

/// Returns setpriv of util-linux; that of busybox cannot set ids.
fn setpriv() -> Option<PathBuf> {
    SETPRIV
        .into_iter()
        .map(PathBuf::from)
        .find(|path| fs::canonicalize(path).is_ok_and(|real| real.file_name() == path.file_name()))
}

/// Returns uid and gid of a directory that belongs to another account, if this process is root.
pub(crate) fn other_owner(directory: &Path) -> Option<(u32, u32)> {
    let metadata = fs::symlink_metadata(directory).ok()?;
    let is_for_us = rustix::process::geteuid().is_root() && metadata.uid() != 0;
    is_for_us.then(|| (metadata.uid(), metadata.gid()))
}

/// Returns the exit status of a command that was run as another account.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.unwrap_or(1)
}
