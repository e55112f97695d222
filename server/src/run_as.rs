//! Doing root's work as another account, in a process of its own.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::account;

const SETPRIV: [&str; 2] = ["/usr/bin/setpriv", "/bin/setpriv"];

/// Returns a command that runs `program` as this user and group, with the supplementary groups of
/// the account, as sshd runs verify. Without setpriv(1), or an account of this uid, it has none.
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

/// Returns uid and gid of a directory of another account's, if we are root.
pub(crate) fn other_owner(directory: &Path) -> Option<(u32, u32)> {
    let metadata = fs::symlink_metadata(directory).ok()?;
    let is_for_us = rustix::process::geteuid().is_root() && metadata.uid() != 0;
    is_for_us.then(|| (metadata.uid(), metadata.gid()))
}

/// Returns the exit status to end with after a program that did our work.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.unwrap_or(1)
}
