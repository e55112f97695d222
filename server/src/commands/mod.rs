//! The commands, one file each: files, network, clock and output around the pure parts.

mod add;
mod ask_plugins;
mod ask_userinfo;
mod audit;
mod explain;
mod permissions;
mod readhome;
mod revoke;
mod verify;

pub use add::{AddArgs, Added, add_command};
pub use audit::{AuditArgs, audit_command};
pub use explain::{ExplainArgs, explain_command};
pub use permissions::{
    CheckArgs, FixArgs, InstallArgs, PermissionsArgs, PermissionsCommand, permissions_command,
};
pub use readhome::{ReadhomeArgs, readhome_command};
pub use revoke::{RevokeArgs, revoke_command};
pub use verify::{VerifyArgs, verify_command, verify_to};
