//! Reads the public key of a private key file in OpenSSH's format (PROTOCOL.key), which is not
//! encrypted.

use ssh_key::PublicKey;
use ssh_key::encoding::pem::{DecodePem, PemLabel};
use ssh_key::encoding::{self, Decode, Reader};

const MAGIC: [u8; 15] = *b"openssh-key-v1\0";

#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("it is not a private key in OpenSSH's format")]
    Format,
    #[error("it is protected by a passphrase")]
    Encrypted,
}

/// Reads the public key of the one key in the file.
pub fn public_half(pem: &[u8]) -> Result<PublicKey, KeyFileError> {
    let file = KeyFile::decode_pem(pem)?;
    if file.cipher != "none" {
        return Err(KeyFileError::Encrypted);
    }
    PublicKey::from_bytes(&file.public_half).map_err(|_| KeyFileError::Format)
}

struct KeyFile {
    cipher: String,
    public_half: Vec<u8>,
}

impl PemLabel for KeyFile {
    const PEM_LABEL: &'static str = "OPENSSH PRIVATE KEY";
}

impl Decode for KeyFile {
    type Error = KeyFileError;

    fn decode(reader: &mut impl Reader) -> Result<Self, KeyFileError> {
        let mut magic = [0; MAGIC.len()];
        reader.read(&mut magic)?;
        let cipher = String::decode(reader)?;
        let _kdf = reader.drain_prefixed()?;
        let _kdf_options = reader.drain_prefixed()?;
        let keys = u32::decode(reader)?;
        if magic != MAGIC || keys != 1 {
            return Err(KeyFileError::Format);
        }
        let public_half = Vec::decode(reader)?;
        reader.drain(reader.remaining_len())?;
        Ok(Self {
            cipher,
            public_half,
        })
    }
}

impl From<encoding::Error> for KeyFileError {
    fn from(_: encoding::Error) -> Self {
        Self::Format
    }
}

impl From<encoding::pem::Error> for KeyFileError {
    fn from(_: encoding::pem::Error) -> Self {
        Self::Format
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by ssh-keygen until the private scalar began with a zero byte, which ssh-key refuses.
    const SHORT_SCALAR: &[u8] = include_bytes!("../../../tests/fixtures/ecdsa_short_scalar");

    #[test]
    fn a_short_private_scalar_does_not_matter() {
        let public = include_str!("../../../tests/fixtures/ecdsa_short_scalar.pub");
        let public = PublicKey::from_openssh(public).unwrap();
        let read = public_half(SHORT_SCALAR).unwrap();
        assert_eq!(read.key_data(), public.key_data());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let cut = &SHORT_SCALAR[..SHORT_SCALAR.len() / 2];
        for wrong in [&b""[..], b"-----BEGIN PRIVATE KEY-----\n", cut] {
            assert!(matches!(public_half(wrong), Err(KeyFileError::Format)));
        }
    }
}
