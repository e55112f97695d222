//! The commands: they read files, send requests and write output around the pure modules.

mod add;
mod audit;
mod cache;
mod explain;
mod list;
mod output;
mod permissions;
mod readhome;
mod remove;
mod revoke;
mod server_check;
mod server_install;
mod server_uninstall;
mod verify;

pub use crate::auth_id::RowArgs;
pub use add::add_command;
pub use audit::{AuditArgs, audit_command};
pub use cache::{CacheShowArgs, as_owner_of, cache_clear, cache_refresh, cache_show};
pub use explain::{ExplainArgs, explain_command};
pub use list::{ListArgs, list_command};
pub use permissions::{PermissionsArgs, permissions_command};
pub use readhome::{ReadhomeArgs, readhome_command};
pub use remove::remove_command;
pub use revoke::{RevokeArgs, revoke_command};
pub use server_check::{ServerCheckArgs, server_check};
pub use server_install::{InstallArgs, server_install};
pub use server_uninstall::{UninstallArgs, server_uninstall};
pub use verify::{VerifyArgs, VerifyError, verify_command, verify_to};

use std::path::PathBuf;

use crate::etc;
use crate::key_source;
use crate::plugin;

// no doc comment: clap would use it as the help of the command
#[derive(Debug, Clone, clap::Args)]
pub struct ServerDirs {
    /// Directory of providers, auth_id, config.yml and the others
    #[arg(long, value_name = "DIR", default_value = etc::DIRECTORY)]
    pub etc: PathBuf,
    /// Where keys of providers are kept [default: /var/cache/opkssh, which server install makes,
    /// else /var/tmp/opkssh-UID]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

impl ServerDirs {
    /// Returns the key cache directory that verify uses.
    pub fn key_cache(&self) -> PathBuf {
        let settings = etc::load_settings(&self.etc).unwrap_or_default();
        let plugins = plugin::load(&etc::PLUGINS.path_in(&self.etc));
        key_source::find_cache(self.cache.as_deref(), settings.runs_others(&plugins))
    }
}
