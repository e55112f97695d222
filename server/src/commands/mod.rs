//! The commands, one file each: files, network, clock and output around the pure parts.

mod add;
mod cache;
mod fallback;
mod readhome;
mod server_install;
mod verify;

pub use add::{AddArgs, Added, add_command};
pub use cache::{CacheArgs, as_owner_of, cache_clear, cache_refresh, cache_show};
pub use readhome::{ReadhomeArgs, readhome_command};
pub use server_install::{InstallArgs, UninstallArgs, server_install, server_uninstall};
pub use verify::{VerifyArgs, verify_command, verify_to};
