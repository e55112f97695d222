//! Which keys are held, in clear or sealed, and when each goes away by itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opkssh_protocol::time::UnixTime;
use rustix::time::{ClockId, clock_gettime};

use super::error::KeyChangeError;
use super::private_key::PrivateKey;
use super::sent_key::SentKey;
use crate::seal::{SealKey, SealRecipient};
use crate::serving::message::MAX_LISTED;
use crate::serving::source::Identity;

/// The table of added keys.
pub enum Table {
    Open {
        keys: Vec<AddedKey>,
        /// The same, as it is listed.
        listed: Arc<Vec<Identity>>,
    },
    /// Locked with a password: what memory has is sealed.
    Sealed(Vec<SealedKey>),
}

pub struct AddedKey {
    pub identity: Identity,
    pub private_key: Arc<PrivateKey>,
    /// The private key as it was sent, to be sealed.
    pub sent: SentKey,
    pub end: End,
}

pub struct SealedKey {
    identity: Identity,
    sent: String,
    end: End,
}

/// When a key goes away by itself.
#[derive(Clone, Copy, Default)]
pub struct End {
    /// Time since boot, sleep included.
    pub lifetime: Option<Duration>,
    /// Of a certificate.
    pub valid_before: Option<UnixTime>,
}

/// The times by which keys end.
#[derive(Clone, Copy)]
pub struct Now {
    /// Sleep of the machine included, as far as the system tells.
    pub since_boot: Duration,
    pub wall: UnixTime,
}

impl Table {
    pub fn open(keys: Vec<AddedKey>) -> Self {
        let listed = keys.iter().map(|key| key.identity.clone()).collect();
        Self::Open {
            keys,
            listed: Arc::new(listed),
        }
    }

    /// Adds a key, or puts it in the place of the same one.
    pub fn insert(&mut self, key: AddedKey) -> Result<(), KeyChangeError> {
        let Self::Open { keys, .. } = self else {
            return Err(KeyChangeError::Locked);
        };
        let same = |it: &AddedKey| it.identity.blob == key.identity.blob;
        match keys.iter().position(same) {
            Some(known) => keys[known] = key,
            None if keys.len() < MAX_LISTED as usize => keys.push(key),
            None => return Err(KeyChangeError::TooMany),
        }
        *self = Self::open(std::mem::take(keys));
        Ok(())
    }

    /// Keeps what `keep` says, locked or not. Returns how many were removed.
    pub fn retain(&mut self, keep: impl Fn(&Identity, End) -> bool) -> usize {
        match self {
            Self::Sealed(keys) => {
                let before = keys.len();
                keys.retain(|it| keep(&it.identity, it.end));
                before - keys.len()
            }
            Self::Open { keys, .. } => {
                if keys.iter().all(|it| keep(&it.identity, it.end)) {
                    return 0;
                }
                let mut keys = std::mem::take(keys);
                let before = keys.len();
                keys.retain(|it| keep(&it.identity, it.end));
                let removed = before - keys.len();
                *self = Self::open(keys);
                removed
            }
        }
    }

    /// Returns how many there are, locked or not.
    pub fn count(&self) -> usize {
        match self {
            Self::Open { keys, .. } => keys.len(),
            Self::Sealed(keys) => keys.len(),
        }
    }

    pub fn fingerprints(&self) -> Vec<String> {
        let name = |identity: &Identity| identity.name.clone();
        match self {
            Self::Open { keys, .. } => keys.iter().map(|it| name(&it.identity)).collect(),
            Self::Sealed(keys) => keys.iter().map(|it| name(&it.identity)).collect(),
        }
    }

    /// Returns the private key of a public key or certificate.
    pub fn private_key(&self, blob: &[u8]) -> Option<Arc<PrivateKey>> {
        let Self::Open { keys, .. } = self else {
            return None;
        };
        let key = keys.iter().find(|it| it.identity.blob == blob)?;
        Some(key.private_key.clone())
    }

    /// Seals what is in memory.
    pub fn seal(&mut self, recipient: &SealRecipient) {
        let Self::Open { keys, .. } = self else {
            return;
        };
        let seal = |key: AddedKey| match recipient.seal(&key.sent.0) {
            Ok(sent) => Some(SealedKey {
                sent,
                identity: key.identity,
                end: key.end,
            }),
            Err(error) => {
                tracing::warn!(key = key.identity.name, "key removed: {error}");
                None
            }
        };
        let keys = std::mem::take(keys);
        *self = Self::Sealed(keys.into_iter().filter_map(seal).collect());
    }

    /// Returns how long it is until the next key ends.
    pub fn next_end(&self, now: Now) -> Option<Duration> {
        let left = |end: End| end.left(now);
        match self {
            Self::Open { keys, .. } => keys.iter().filter_map(|it| left(it.end)).min(),
            Self::Sealed(keys) => keys.iter().filter_map(|it| left(it.end)).min(),
        }
    }
}

impl SealedKey {
    /// Opens it again; `None` if that key does not.
    pub fn open(self, key: &SealKey) -> Option<AddedKey> {
        let sent = SentKey(key.open(&self.sent).ok()?);
        Some(AddedKey {
            private_key: Arc::new(PrivateKey::parse(&sent).ok()?),
            sent,
            identity: self.identity,
            end: self.end,
        })
    }
}

impl End {
    /// Returns how long it is until then; `None`: there is no end.
    pub fn left(self, now: Now) -> Option<Duration> {
        let lifetime = self.lifetime.map(|end| end.saturating_sub(now.since_boot));
        let valid = self.valid_before.map(|end| {
            let seconds = u64::try_from(end.since(now.wall)).unwrap_or(0);
            Duration::from_secs(seconds)
        });
        lifetime.into_iter().chain(valid).min()
    }
}

impl Now {
    pub fn of_system() -> Self {
        #[cfg(target_os = "linux")]
        let clock = ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let clock = ClockId::Monotonic;
        let now = clock_gettime(clock);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        Self {
            since_boot: Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0)),
            wall: SystemTime::now().into(),
        }
    }
}
