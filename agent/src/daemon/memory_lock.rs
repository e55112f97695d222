//! Keeping secrets out of swap: the pages that hold one are locked into RAM.
//!
//! Pages are never unlocked: one may hold several secrets, and the allocator uses the same few
//! again. An ordinary user's limit (`ulimit -l`, 8 MiB on most systems) is far more than that.

use std::io;
use std::sync::OnceLock;

use opkssh_protocol::secret::on_secret;

/// A daemon that can lock so many bytes at its start has room for its secrets.
const ENOUGH: usize = 256 * 1024;

/// What to do about swap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum MemoryLock {
    /// Leave it to the system
    Off,
    /// Lock secrets into RAM if the system allows it, else go on without
    #[default]
    Auto,
    /// Do not start if secrets cannot be locked into RAM
    Strict,
}

impl MemoryLock {
    /// Returns what is in force, in words.
    pub fn in_force(self) -> String {
        match (self, REFUSED.get()) {
            (Self::Off, _) => "secrets may be swapped out: --memory-lock off".to_owned(),
            (_, Some(refused)) => format!("secrets may be swapped out: {refused}"),
            (_, None) => "secrets are locked into RAM".to_owned(),
        }
    }

    /// Locks secrets from now on. To be called before there is one.
    ///
    /// # Errors
    /// Only of [`MemoryLock::Strict`].
    pub fn apply(self) -> Result<(), MemoryLockError> {
        if self == Self::Off {
            return Ok(());
        }
        let probe = vec![0_u8; ENOUGH];
        // dropping the guard unlocks the probe's own pages again
        match region::lock(probe.as_ptr(), probe.len()) {
            Ok(_) => on_secret(lock),
            Err(error) if self == Self::Strict => return Err(MemoryLockError(words(error))),
            Err(error) => refused(error),
        }
        Ok(())
    }
}

/// Secrets cannot be locked into RAM.
#[derive(Debug, thiserror::Error)]
#[error("memory cannot be locked into RAM: {0}")]
pub struct MemoryLockError(String);

/// The first refusal: it is written once, and shown by `status`.
static REFUSED: OnceLock<String> = OnceLock::new();

fn lock(start: *const u8, length: usize) {
    if length == 0 {
        return;
    }
    match region::lock(start, length) {
        // dropping it would unlock the page, and with it other secrets
        Ok(guard) => std::mem::forget(guard),
        Err(error) => refused(error),
    }
}

fn refused(error: region::Error) {
    let text = words(error);
    if REFUSED.set(text.clone()).is_ok() {
        tracing::warn!("secrets may be swapped out: {text}");
    }
}

fn words(error: region::Error) -> String {
    let error = io::Error::from(error);
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::OutOfMemory => {
            format!("the limit of locked memory (ulimit -l) is too low ({error})")
        }
        _ => error.to_string(),
    }
}
