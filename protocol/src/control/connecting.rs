//! The announcement of an ssh process.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::process::Process;

/// An ssh process that is about to connect. The agent does not run `ssh -G` itself, because that
/// executes commands from `Match exec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connecting {
    /// The ssh process.
    pub process: Process,
    /// The account that it should use.
    #[serde(default)]
    pub account: Option<String>,
    /// The server's names: as given on the command line, and as in known_hosts.
    pub names: Vec<String>,
    /// Names of the jump hosts that its child ssh processes connect to, the direct child first.
    pub jumps: Vec<Vec<String>>,
    /// Files of UserKnownHostsFile and GlobalKnownHostsFile.
    pub known_hosts: Vec<PathBuf>,
    /// The ssh-agent that the command was to use, before it was given this one.
    #[serde(default)]
    pub upstream: Option<PathBuf>,
}
