//! `seal.json`: the key that everything is sealed to while the agent is locked.

use std::path::Path;

use opkssh_files::Writer;
use opkssh_protocol::secret::Secret;
use serde::{Deserialize, Serialize};

use super::password::PasswordError;
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
    pub fn read(path: &Path) -> Result<Option<Self>, PasswordError> {
        let file = match std::fs::read(path) {
            Ok(text) => serde_json::from_slice::<Self>(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(PasswordError::file(path, error)),
        };
        let file = file.map_err(|error| PasswordError::file(path, error))?;
        match file.version {
            VERSION => Ok(Some(file)),
            other => {
                let reason = format!("it was written by another version ({other})");
                Err(PasswordError::file(path, reason))
            }
        }
    }

    /// Writes the key, sealed with the password. Takes time: not for the async runtime.
    pub fn write(path: &Path, key: &SealKey, password: &Secret) -> Result<(), PasswordError> {
        let identity = key.wrap(password);
        let file = Self {
            version: VERSION,
            recipient: key.recipient().to_string(),
            identity: identity.map_err(|error| PasswordError::file(path, error))?,
        };
        serde_json::to_vec_pretty(&file)
            .map_err(std::io::Error::from)
            .and_then(|text| Writer::private().replace(path, &text))
            .map_err(|error| PasswordError::file(path, error))
    }
}
