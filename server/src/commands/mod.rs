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

pub use add::{AddArgs, AddError, Added, add_command};
pub use audit::{AuditArgs, AuditError, audit_command};
pub use cache::{CacheError, as_owner_of, cache_clear, cache_refresh, cache_show};
pub use dirs::ServerDirs;
pub use explain::{ExplainArgs, ExplainError, explain_command};
pub use permissions::{PermissionsArgs, PermissionsError, permissions_command};
pub use readhome::{ReadhomeArgs, ReadhomeError, readhome_command};
pub use revoke::{RevokeArgs, RevokeError, revoke_command};
pub use server_check::{CheckError, ServerCheckArgs, server_check};
pub use server_install::{InstallArgs, server_install};
pub use server_uninstall::{UninstallArgs, UninstallError, server_uninstall};
pub use verify::{VerifyArgs, VerifyError, verify_command, verify_to};
