//! Describes the connection of the ssh that this process is about to become.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use opkssh_client::SshSettings;
use opkssh_protocol::control::Connecting;

use crate::destination::host_of;
use crate::own_process::own_process;

/// Describes this process, which becomes the ssh at `program` with these arguments, for the use of
/// `account`, beside the keys of the agent `upstream`. `host` is the server, if that can be known. Returns `None` without `/proc`.
pub fn connecting(
    program: &Path,
    args: &[OsString],
    host: Option<&str>,
    account: Option<String>,
    upstream: Option<PathBuf>,
) -> Option<Connecting> {
    let process = own_process()?;
    let settings = match host {
        // ssh reports an error itself
        Some(_) => SshSettings::ask(Command::new(program).arg("-G").args(args)),
        None => None,
    };
    let settings = settings.unwrap_or_default();
    let mut names = Vec::from_iter(host.map(str::to_owned));
    names.extend(settings.name.filter(|name| Some(&**name) != host));
    let jumps = settings.jumps.iter();
    Some(Connecting {
        process,
        account,
        names,
        jumps: jumps.map(|jump| vec![jump_host(jump)]).collect(),
        known_hosts: settings.known_hosts,
        upstream,
    })
}

/// Returns the host of `[user@]host[:port]` or `ssh://…`.
fn jump_host(jump: &str) -> String {
    let uri = match jump.strip_prefix("ssh://") {
        Some(_) => jump.to_owned(),
        None => format!("ssh://{jump}"),
    };
    host_of(&uri).to_owned()
}

#[cfg(test)]
mod tests;
