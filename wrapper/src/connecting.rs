//! Describes the connection of the ssh that this process is about to become.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use opkssh_protocol::control::Connecting;
use opkssh_protocol::process::{Process, ProcessStat};

use crate::destination::host_of;

/// Describes this process, which becomes the ssh at `program` with these arguments, for the use of
/// `account`, beside the keys of the agent `upstream`. `host` is the server, if that can be known. Returns `None` without `/proc`.
pub fn connecting(
    program: &Path,
    args: &[OsString],
    host: Option<&str>,
    account: Option<String>,
    upstream: Option<PathBuf>,
) -> Option<Connecting> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let process = Process {
        pid: std::process::id(),
        start_time: ProcessStat::parse(&stat)?.start_time,
    };
    let configuration = match host {
        Some(_) => Configuration::ask(program, args),
        None => Configuration::default(),
    };
    let mut names = Vec::from_iter(host.map(str::to_owned));
    names.extend(configuration.name.filter(|name| Some(&**name) != host));
    Some(Connecting {
        process,
        account,
        names,
        jumps: configuration.jumps,
        known_hosts: configuration.known_hosts,
        upstream,
    })
}

/// The settings that the agent needs, from `ssh -G`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Configuration {
    /// The host's name in known_hosts.
    name: Option<String>,
    jumps: Vec<Vec<String>>,
    known_hosts: Vec<PathBuf>,
}

impl Configuration {
    fn ask(program: &Path, args: &[OsString]) -> Self {
        let asked = Command::new(program)
            .arg("-G")
            .args(args)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        match asked {
            Ok(output) if output.status.success() => {
                Self::parse(&String::from_utf8_lossy(&output.stdout))
            }
            // ssh reports the error itself
            _ => Self::default(),
        }
    }

    fn parse(text: &str) -> Self {
        let value = |key: &str| {
            let lines = text.lines().filter_map(|line| line.split_once(' '));
            let mut values = lines.filter_map(|(name, value)| (name == key).then_some(value));
            values.next().filter(|value| *value != "none")
        };
        let files = ["userknownhostsfile", "globalknownhostsfile"].into_iter();
        let files = files
            .filter_map(value)
            .flat_map(str::split_ascii_whitespace);
        let with_port = |name: &str| match value("port") {
            None | Some("22") => name.to_owned(),
            Some(port) => format!("[{name}]:{port}"),
        };
        let name = match value("hostkeyalias") {
            Some(alias) => Some(alias.to_owned()),
            None => value("hostname").map(with_port),
        };
        // ssh connects to the last jump host, and the ssh that it starts to the others
        let jumps = value("proxyjump").into_iter();
        let jumps = jumps.flat_map(|jumps| jumps.rsplit(','));
        Self {
            name,
            jumps: jumps.map(|jump| vec![jump_host(jump)]).collect(),
            known_hosts: files
                .map(PathBuf::from)
                .filter(|file| is_kept(file))
                .collect(),
        }
    }
}

/// Returns true if the path means the same file to another process.
fn is_kept(file: &Path) -> bool {
    file.is_absolute() && !file.starts_with("/dev") && !file.starts_with("/proc")
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
