//! The command line from sshd.

use std::path::PathBuf;

use crate::commands::dirs::ServerDirs;
use crate::etc;

/// Decide whether a certificate may log in, for sshd's AuthorizedKeysCommand.
// no Debug: the certificate contains tokens
#[derive(Clone, clap::Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub dirs: ServerDirs,
    /// Server configuration, in place of config.yml in that directory
    #[arg(long, value_name = "FILE")]
    pub config_path: Option<PathBuf>,
    /// Where to log: a file, or `journal` for systemd's journal
    #[arg(long, value_name = "FILE", default_value = etc::LOG)]
    pub log_file: PathBuf,
    /// Local account (sshd's %u)
    pub principal: String,
    /// Certificate in base64 (sshd's %k)
    pub certificate: String,
    /// Key type (sshd's %t)
    pub key_type: String,
    /// Further words from sshd: those that server.yml declares, then any for policy plugins
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub extra: Vec<String>,
}
