//! Sealing secrets, in the age format (age-encryption.org/v1), as armored text: every entry is
//! sealed to a key made for it, and that key with a password (scrypt). A person with the password
//! can open all of it with `age` itself.

use std::io::{Read as _, Write as _};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::{ExposeSecret as _, SecretString};
use age::{DecryptError, Decryptor, Encryptor, Identity, Recipient, scrypt, x25519};
use opkssh_protocol::secret::{Secret, leaving_no_stack};
use zeroize::Zeroizing;

/// log2 of scrypt's N: 128 MiB, and about half a second, for each try at a password.
const WORK: u8 = 17;
/// What a file may ask for, so that one that was swapped cannot eat all memory.
const MOST_WORK: u8 = 20;

const ARMOR: &str = "-----BEGIN AGE ENCRYPTED FILE-----";

/// The key that opens what was sealed to its [`SealRecipient`].
pub struct SealKey(x25519::Identity);

/// The public half: it closes and cannot open.
#[derive(Clone)]
pub struct SealRecipient(x25519::Recipient);

/// What is in memory beside the accounts, and sealed with them while the agent is locked with a
/// password.
pub trait SealedWithLock: Send + Sync {
    fn seal(&self, recipient: &SealRecipient);
    fn open(&self, key: &SealKey);
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Or another key.
    #[error("wrong password")]
    WrongPassword,
    #[error("it is damaged")]
    Damaged,
    #[error("it cannot be sealed")]
    NotSealed,
}

impl SealKey {
    pub fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    pub fn recipient(&self) -> SealRecipient {
        SealRecipient(self.0.to_public())
    }

    /// Returns the key, sealed with `password`. Takes time and memory: not for the async runtime.
    pub fn wrap(&self, password: &Secret) -> Result<String, SealError> {
        leaving_no_stack(|| {
            let mut recipient = scrypt::Recipient::new(passphrase(password));
            recipient.set_work_factor(WORK);
            close(&recipient, self.0.to_string().expose_secret())
        })
    }

    /// Opens what [`wrap`](Self::wrap) returned, at the same expense.
    pub fn unwrap(wrapped: &str, password: &Secret) -> Result<Self, SealError> {
        let key = leaving_no_stack(|| {
            let mut identity = scrypt::Identity::new(passphrase(password));
            identity.set_max_work_factor(MOST_WORK);
            open(&identity, wrapped)
        })?;
        key.expose()
            .parse()
            .map(Self)
            .map_err(|_| SealError::Damaged)
    }

    pub fn open(&self, sealed: &str) -> Result<Secret, SealError> {
        open(&self.0, sealed)
    }
}

impl SealRecipient {
    pub fn seal(&self, secret: &Secret) -> Result<String, SealError> {
        close(&self.0, secret.expose())
    }

    pub fn parse(text: &str) -> Result<Self, SealError> {
        text.parse().map(Self).map_err(|_| SealError::Damaged)
    }
}

impl std::fmt::Display for SealRecipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

pub fn is_sealed(text: &str) -> bool {
    text.starts_with(ARMOR)
}

fn close(recipient: &dyn Recipient, text: &str) -> Result<String, SealError> {
    let write = || -> std::io::Result<Vec<u8>> {
        let encryptor = Encryptor::with_recipients(std::iter::once(recipient))
            .map_err(std::io::Error::other)?;
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armor)?;
        writer.write_all(text.as_bytes())?;
        writer.finish()?.finish()
    };
    let sealed = write().map_err(|_| SealError::NotSealed)?;
    String::from_utf8(sealed).map_err(|_| SealError::NotSealed)
}

fn open(identity: &dyn Identity, sealed: &str) -> Result<Secret, SealError> {
    let decryptor =
        Decryptor::new_buffered(ArmoredReader::new(sealed.as_bytes())).map_err(reason)?;
    let mut reader = decryptor
        .decrypt(std::iter::once(identity))
        .map_err(reason)?;
    // never grows, so that no copy of it stays behind
    let mut text = Zeroizing::new(String::with_capacity(sealed.len()));
    reader
        .read_to_string(&mut text)
        .map_err(|_| SealError::Damaged)?;
    Ok(Secret::new(std::mem::take(&mut *text)))
}

fn reason(error: DecryptError) -> SealError {
    match error {
        DecryptError::DecryptionFailed
        | DecryptError::KeyDecryptionFailed
        | DecryptError::NoMatchingKeys => SealError::WrongPassword,
        _ => SealError::Damaged,
    }
}

fn passphrase(password: &Secret) -> SecretString {
    SecretString::from(password.expose().to_owned())
}

#[cfg(test)]
mod tests;
