//! `seal.json`: the key that everything is sealed to while the agent is locked.

use std::path::{Path, PathBuf};

use opkssh_protocol::secret::Secret;
use serde::{Deserialize, Serialize};

use super::password::PasswordError;
use super::private_file;
use super::seal::SealKey;
use crate::accounts::shared::Shared;

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
        let failed = |error: &dyn ToString| PasswordError::file(path, error.to_string());
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let file: Self = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
        match file.version {
            VERSION => Ok(Some(file)),
            other => Err(failed(&format!(
                "it was written by another version ({other})"
            ))),
        }
    }

    /// Writes the key, sealed with the password.
    pub async fn write(
        path: PathBuf,
        key: Shared<SealKey>,
        password: Shared<Secret>,
    ) -> Result<(), PasswordError> {
        let write = move || {
            let failed = |error: &dyn ToString| PasswordError::file(&path, error.to_string());
            let file = Self {
                version: VERSION,
                recipient: key.lid().to_string(),
                identity: key.wrap(&password).map_err(|error| failed(&error))?,
            };
            let text = serde_json::to_vec_pretty(&file).map_err(|error| failed(&error))?;
            private_file::replace(&path, &text).map_err(|error| failed(&error))
        };
        tokio::task::spawn_blocking(write)
            .await
            .unwrap_or(Err(PasswordError::Ending))
    }
}
