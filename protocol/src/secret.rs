//! The one type for what must not leak: refresh tokens, private keys, client secrets.
//!
//! It has no `Debug`, no `Display`, no `Serialize`: a secret leaves it only where the code says
//! [`Secret::expose`], and memory is wiped when it is dropped.

use std::sync::OnceLock;

use serde::{Deserialize, Deserializer, Serializer};
use zeroize::Zeroizing;

/// What a program does with memory that a secret was put into, given by its first byte and its
/// length: lock it into RAM. The memory is valid during the call.
pub type Keep = fn(start: *const u8, length: usize);

static KEEP: OnceLock<Keep> = OnceLock::new();

#[cfg(feature = "mint")]
/// Stack that signing and parsing of keys is known to need, and more: bytes.
const STACK: usize = 32 * 1024;

/// From now on `keep` is told where each [`Secret`] and each user key comes to lie. The first call
/// counts.
pub fn on_secret(keep: Keep) {
    let _ = KEEP.set(keep);
}

/// Tells who asked for it that there is a secret in `place` now.
pub(crate) fn kept<T: ?Sized>(place: &T) {
    if let Some(keep) = KEEP.get() {
        keep(std::ptr::from_ref(place).cast(), size_of_val(place));
    }
}

#[cfg(feature = "mint")]
/// Runs what handles key material, then wipes the stack that it used: the crates below leave
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
    /// The buffer of `text` itself becomes the secret: none of it is left elsewhere.
    pub fn new(text: String) -> Self {
        kept(text.as_str());
        Self(Zeroizing::new(text))
    }

    /// The text itself. Every caller is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `#[serde(with = "secret::exposed")]`: for messages on the control socket and for the store's
/// own records, the only two places where a secret is written out.
pub mod exposed {
    use super::*;

    pub fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

/// As [`exposed`], for an optional secret.
pub mod exposed_option {
    use super::*;

    pub fn serialize<S: Serializer>(
        secret: &Option<Secret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match secret {
            Some(secret) => serializer.serialize_some(secret.expose()),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
    }
}
