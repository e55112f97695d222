//! The request for a socket that serves one account.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::process::Process;

/// A restricted view of the agent: a socket that lists and signs with one account, by the same rules
/// as the agent's own, and lets nothing be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// The account's name.
    pub account: String,
    /// Where the socket is made, an absolute path.
    pub socket: PathBuf,
    /// The socket goes away when this process has ended.
    pub process: Process,
    /// The socket goes away after so many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<u64>,
}
