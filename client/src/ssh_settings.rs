//! What ssh would do, by its configuration.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use opkssh_protocol::control::NewHostKey;

/// The settings that the agent needs, from `ssh -G`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SshSettings {
    /// The host's name in known_hosts.
    pub name: Option<String>,
    /// The jump hosts as configured, the one that the server is reached from first.
    pub jumps: Vec<String>,
    /// Files that mean the same to another process.
    pub known_hosts: Vec<PathBuf>,
    pub new_key: NewHostKey,
    /// IdentityAgent as configured.
    pub identity_agent: Option<String>,
    /// ssh offers no key that IdentityFile does not name.
    pub identities_only: bool,
}

impl SshSettings {
    /// Runs `ssh`, to which the caller has given `-G` and the rest. Returns `None` if that fails.
    pub fn ask(ssh: &mut Command) -> Option<Self> {
        let asked = ssh.stdin(Stdio::null()).stderr(Stdio::null()).output();
        let output = asked.ok().filter(|output| output.status.success())?;
        Some(Self::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    fn parse(text: &str) -> Self {
        let any_value = |key: &str| {
            let lines = text.lines().filter_map(|line| line.split_once(' '));
            let mut values = lines.filter_map(|(name, value)| (name == key).then_some(value));
            values.next()
        };
        let value = |key| any_value(key).filter(|value| *value != "none");
        let files_of = |key| {
            let files = value(key).into_iter();
            files.flat_map(str::split_ascii_whitespace).map(Path::new)
        };
        let mut user_files = files_of("userknownhostsfile");
        let is_recorded = user_files.next().is_some_and(is_kept)
            && !matches!(value("stricthostkeychecking"), Some("true" | "yes"));
        let files = files_of("userknownhostsfile").chain(files_of("globalknownhostsfile"));
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
            jumps: jumps.map(str::to_owned).collect(),
            known_hosts: files
                .filter(|file| is_kept(file))
                .map(Path::to_owned)
                .collect(),
            new_key: match value("hashknownhosts") {
                _ if !is_recorded => NewHostKey::NotRecorded,
                Some("yes") => NewHostKey::Hashed,
                _ => NewHostKey::Recorded,
            },
            identity_agent: any_value("identityagent").map(str::to_owned),
            identities_only: value("identitiesonly") == Some("yes"),
        }
    }
}

/// Returns true if the path means the same file to another process.
fn is_kept(file: &Path) -> bool {
    file.is_absolute() && !file.starts_with("/dev") && !file.starts_with("/proc")
}

#[cfg(test)]
mod tests;
