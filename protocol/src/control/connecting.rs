//! What `opkssh ssh` tells before it becomes ssh.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::process::Process;

/// An ssh that is about to connect. The agent cannot know this otherwise: to ask `ssh -G` runs
/// what the person's configuration names under `Match exec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connecting {
    pub process: Process,
    /// The names of its server: as it was asked for, and as known_hosts would have it.
    pub names: Vec<String>,
    /// The names of the jump hosts that the ssh processes below it connect to: of its child first.
    pub jumps: Vec<Vec<String>>,
    /// Its UserKnownHostsFile and GlobalKnownHostsFile.
    pub known_hosts: Vec<PathBuf>,
}
