//! The type for secrets: refresh tokens, private keys, client secrets.
//!
//! It has no `Debug`, `Display` or `Serialize`: the text is available only through
//! [`Secret::expose`]. Its memory is wiped on drop.

use std::sync::OnceLock;

use serde::{Deserialize, Deserializer, Serializer};
use zeroize::Zeroizing;

/// Callback for memory that contains a secret, given by address and length, such as one that locks
/// it into RAM. The memory is valid during the call.
pub type Keep = fn(start: *const u8, length: usize);

static KEEP: OnceLock<Keep> = OnceLock::new();

#[cfg(feature = "mint")]
/// Stack size in bytes that covers signing and parsing of keys.
const STACK: usize = 32 * 1024;

/// Sets the callback that gets the memory of each new [`Secret`] and user key. Only the first call
/// has an effect.
pub fn on_secret(keep: Keep) {
    let _ = KEEP.set(keep);
}

/// Calls the callback, if one is set, for the memory of a new secret.
pub(crate) fn report_memory<T: ?Sized>(place: &T) {
    if let Some(keep) = KEEP.get() {
        keep(std::ptr::from_ref(place).cast(), size_of_val(place));
    }
}

#[cfg(feature = "mint")]
/// Runs code that handles key material, then wipes the stack that it used: the crates below leave
/// copies there.
pub fn leaving_no_stack<T>(work: impl FnOnce() -> T) -> T {
    #[inline(never)]
    fn run<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
    let result = run(work);
    zeroize::zeroize_stack::<STACK>();
    result
}

/// UTF-8 text that is wiped on drop and never formatted.
pub struct Secret(Zeroizing<String>);

impl Clone for Secret {
    fn clone(&self) -> Self {
        Self::new(self.expose().to_owned())
    }
}

impl Secret {
    /// Takes over the buffer of `text`, so that no copy remains.
    pub fn new(text: String) -> Self {
        report_memory(text.as_str());
        Self(Zeroizing::new(text))
    }

    /// Returns the text. Review every caller.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns true if the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Serializes a secret, with `#[serde(with = "secret::exposed")]`: for control messages and the
/// store's records, the only two places where secrets are written.
pub mod exposed {
    use super::*;

    /// Writes the text.
    pub fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    /// Reads the text.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

/// Serializes an optional secret like [`exposed`].
pub mod exposed_option {
    use super::*;

    /// Writes the text, if there is a secret.
    pub fn serialize<S: Serializer>(
        secret: &Option<Secret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match secret {
            Some(secret) => serializer.serialize_some(secret.expose()),
            None => serializer.serialize_none(),
        }
    }

    /// Reads the text, if there is one.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
    }
}
