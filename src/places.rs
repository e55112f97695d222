//! Finds the user's directories.

use directories::BaseDirs;
use opkssh_protocol::places::{BaseDirectories, Places};

use crate::report::CommandFailure;

/// Returns the program's directories. Fails without a home directory.
pub fn places() -> Result<Places, CommandFailure> {
    let Some(found) = BaseDirs::new() else {
        return Err(CommandFailure::new(
            "cannot find your home directory",
            Some("set it: HOME=/path/to/home opkssh …".into()),
        ));
    };
    let home = found.home_dir().to_path_buf();
    Ok(Places::new(BaseDirectories {
        runtime: found.runtime_dir().map(Into::into),
        // not every system defines a state directory
        state: found
            .state_dir()
            .map_or_else(|| home.join(".local/state"), Into::into),
        config: found.config_dir().to_path_buf(),
        home,
    }))
}
