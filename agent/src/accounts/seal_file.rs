//! `seal.json`: the key that everything is sealed to while the agent is locked.

use std::path::PathBuf;
use std::sync::Arc;

use opkssh_protocol::secret::Secret;
use serde::{Deserialize, Serialize};

use super::Accounts;
use crate::password::PasswordError;
use crate::private_file;
use crate::seal::SealKey;

const VERSION: u32 = 1;

/// `seal.json`.
#[derive(Serialize, Deserialize)]
pub(super) struct SealFile {
    version: u32,
    /// The key's public half, as age writes it.
    pub(super) recipient: String,
    /// The key, sealed with the password.
    pub(super) identity: String,
}

impl Accounts {
    pub(super) fn seal_file(&self) -> Result<Option<(SealFile, PathBuf)>, PasswordError> {
        let path = self.lock.file();
        let failed = |error: &dyn ToString| PasswordError::file(path, error.to_string());
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let file: SealFile = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
        match file.version {
            VERSION => Ok(Some((file, path.to_owned()))),
            other => Err(failed(&format!(
                "it was written by another version ({other})"
            ))),
        }
    }

    pub(super) async fn write_seal(
        &self,
        key: Arc<SealKey>,
        password: Secret,
    ) -> Result<(), PasswordError> {
        let path = self.lock.file().to_owned();
        let write = move || {
            let failed = |error: &dyn ToString| PasswordError::file(&path, error.to_string());
            let file = SealFile {
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
