//! The commands: they read files, send requests and write output around the pure modules.

mod add;
mod audit;
mod cache;
mod dirs;
mod explain;
mod permissions;
mod readhome;
mod revoke;
mod server_check;
mod server_install;
mod server_uninstall;
mod verify;

pub use add::{AddArgs, add_command};
pub use audit::{AuditArgs, audit_command};
pub use cache::{as_owner_of, cache_clear, cache_refresh, cache_show};
pub use dirs::ServerDirs;
pub use explain::{ExplainArgs, explain_command};
pub use permissions::{PermissionsArgs, permissions_command};
pub use readhome::{ReadhomeArgs, readhome_command};
pub use revoke::{RevokeArgs, revoke_command};
pub use server_check::{ServerCheckArgs, server_check};
pub use server_install::{InstallArgs, server_install};
pub use server_uninstall::{UninstallArgs, server_uninstall};
pub use verify::{VerifyArgs, VerifyError, verify_command, verify_to};
