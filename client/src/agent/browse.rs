//! `opkssh agent browse`: the agent runs this command in the user's session to open a browser
//! there.

use crate::configuration::Environment;
use crate::error::ClientError;
use crate::login::browser;

/// Opens `url` and returns at once.
pub fn agent_browse(url: &str) -> Result<(), ClientError> {
    let environment = Environment::of_process();
    if browser::open(url, environment.browser.as_deref()) {
        Ok(())
    } else {
        Err(ClientError::NoBrowser)
    }
}
