//! The commands, one file each: files, network, clock and output around the pure parts.

mod add;
mod ask_plugins;
mod ask_userinfo;
mod audit;
mod cache;
mod explain;
mod fallback;
mod monitor;
mod own_files;
mod permissions;
mod readhome;
mod revoke;
mod server_install;
mod verify;

pub use crate::monitor_messages::NoHomePolicy;
pub use add::{AddArgs, Added, add_command};
pub use audit::{AuditArgs, audit_command};
pub use cache::{CacheArgs, as_owner_of, cache_clear, cache_refresh, cache_show};
pub use explain::{ExplainArgs, explain_command};
pub use permissions::{PermissionsArgs, permissions_command};
pub use readhome::{ReadhomeArgs, readhome_command};
pub use revoke::{RevokeArgs, revoke_command};
pub use server_install::{InstallArgs, UninstallArgs, server_install, server_uninstall};
pub use verify::{VerifyArgs, verify_command, verify_to};
