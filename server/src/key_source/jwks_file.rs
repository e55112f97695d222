//! A key set in a file, for issuers that the server cannot or should not ask.

use std::path::{Path, PathBuf};

use opkssh_protocol::key_set::KeySet;

use crate::etc;
use crate::files::{self, FileConditions, FileError, Owner};

const MODE: u32 = 0o644;
/// Conditions for the file: everybody may read public keys, but only root and this account may
/// write them.
const DEMANDS: FileConditions = FileConditions {
    owner: Owner::RootOrOurselves,
    mode: MODE,
};

#[derive(Debug, thiserror::Error)]
pub enum JwksFileError {
    #[error("{0}")]
    File(#[from] FileError),
    #[error("{path}: no usable key in it", path = .0.display())]
    NoKeys(PathBuf),
}

impl JwksFileError {
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => etc::hint_for(error, MODE),
            Self::NoKeys(_) => None,
        }
    }
}

/// Reads a JWK set (RFC 7517 section 5).
pub fn read_jwks_file(path: &Path) -> Result<KeySet, JwksFileError> {
    let bytes = files::read(path, DEMANDS)?;
    KeySet::parse(&bytes)
        .ok()
        .filter(|keys| !keys.is_empty())
        .ok_or_else(|| JwksFileError::NoKeys(path.to_owned()))
}
