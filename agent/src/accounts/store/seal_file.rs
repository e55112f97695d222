//! `seal.json`: the key that everything is sealed to while the agent is locked.

use opkssh_protocol::secret::Secret;
use serde::{Deserialize, Serialize};

use super::password::PasswordError;
use super::state_file::StateFile;
use crate::seal::SealKey;

const VERSION: u32 = 1;

/// `seal.json`.
#[derive(Serialize, Deserialize)]
pub struct SealFile {
    version: u32,
    /// The key's public half, as age writes it.
    pub recipient: String,
    /// The key, sealed with the password.
    pub identity: String,
}

impl SealFile {
    /// Returns `None` if there is no such file.
    pub fn read(file: &StateFile) -> Result<Option<Self>, PasswordError> {
        let text = file
            .read()
            .map_err(|error| PasswordError::file(file, error))?;
        let Some(text) = text else {
            return Ok(None);
        };
        let read = serde_json::from_slice::<Self>(&text);
        let read = read.map_err(|error| PasswordError::file(file, error))?;
        match read.version {
            VERSION => Ok(Some(read)),
            other => {
                let reason = format!("it was written by another version ({other})");
                Err(PasswordError::file(file, reason))
            }
        }
    }

    /// Writes the key, sealed with the password. Takes time: not for the async runtime.
    pub fn write(file: &StateFile, key: &SealKey, password: &Secret) -> Result<(), PasswordError> {
        let identity = key.wrap(password);
        let contents = Self {
            version: VERSION,
            recipient: key.recipient().to_string(),
            identity: identity.map_err(|error| PasswordError::file(file, error))?,
        };
        serde_json::to_vec_pretty(&contents)
            .map_err(std::io::Error::from)
            .and_then(|text| file.replace(&text))
            .map_err(|error| PasswordError::file(file, error))
    }
}
