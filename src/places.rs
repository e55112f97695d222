//! The user's directories, as this process finds them.

use directories::BaseDirs;
use opkssh_protocol::places::{BaseDirectories, Places};

use crate::report::Failure;

pub fn places() -> Result<Places, Failure> {
    let Some(found) = BaseDirs::new() else {
        return Err(Failure::new(
            "cannot tell where your home directory is",
            Some("set it: HOME=/path/to/home opkssh …".into()),
        ));
    };
    let home = found.home_dir().to_path_buf();
    Ok(Places::new(BaseDirectories {
        runtime: found.runtime_dir().map(Into::into),
        // not every system has a place for state
        state: found
            .state_dir()
            .map_or_else(|| home.join(".local/state"), Into::into),
        config: found.config_dir().to_path_buf(),
        home,
    }))
}
