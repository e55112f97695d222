//! Keys that a person gives the agent with `ssh-add`: they live in memory and in no store.

mod error;
mod private_key;
mod request;
mod rsa;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use opkssh_protocol::inspect::fingerprint;
use opkssh_protocol::time::UnixTime;
use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::{Notify, Semaphore};

use super::message::MAX_LISTED;
use super::source::{Identity, IdentitySource, Terms};
use crate::seal::{SealKey, SealRecipient, SealedWithLock};
use private_key::{PrivateKey, SentKey};
use request::AddRequest;

pub use error::KeyChangeError;

/// Keys that take long, at once: they must not keep each processor busy.
const MAX_SLOW: usize = 2;

/// The table of added keys.
pub struct AddedKeys {
    table: Mutex<Table>,
    /// For keys that are added without a lifetime.
    default_lifetime: Option<Duration>,
    clock: Box<dyn Fn() -> Now + Send + Sync>,
    slow: Arc<Semaphore>,
    /// Told when a key may end earlier than any before it.
    changed: Notify,
}

enum Table {
    Open {
        keys: Vec<AddedKey>,
        /// The same, as it is listed.
        listed: Arc<Vec<Identity>>,
    },
    /// Locked with a password: what memory has is sealed.
    Sealed(Vec<SealedKey>),
}

struct AddedKey {
    identity: Identity,
    private_key: Arc<PrivateKey>,
    /// The private key as it was sent, to be sealed.
    sent: SentKey,
    end: End,
}

struct SealedKey {
    identity: Identity,
    sent: String,
    end: End,
}

/// When a key goes away by itself.
#[derive(Clone, Copy, Default)]
struct End {
    /// Time since boot, sleep included.
    lifetime: Option<Duration>,
    /// Of a certificate.
    valid_before: Option<UnixTime>,
}

/// The times by which keys end.
#[derive(Clone, Copy)]
struct Now {
    /// Sleep of the machine included, as far as the system tells.
    since_boot: Duration,
    wall: UnixTime,
}

impl AddedKeys {
    pub fn new(default_lifetime: Option<Duration>) -> Self {
        Self::with_clock(default_lifetime, Now::of_system)
    }

    fn with_clock(
        default_lifetime: Option<Duration>,
        clock: impl Fn() -> Now + Send + Sync + 'static,
    ) -> Self {
        Self {
            table: Mutex::new(Table::open(Vec::new())),
            default_lifetime,
            clock: Box::new(clock),
            slow: Arc::new(Semaphore::new(MAX_SLOW)),
            changed: Notify::new(),
        }
    }

    /// Adds the key of a request (RFC 9987 section 3.2), or puts it in the place of the same one.
    pub async fn add(&self, request: &[u8]) -> Result<(), KeyChangeError> {
        let AddRequest {
            key,
            comment,
            lifetime,
            constraints,
        } = AddRequest::parse(request)?;
        let lifetime = lifetime.or(self.default_lifetime);
        let parse = move || PrivateKey::parse(&key).map(|private_key| (private_key, key));
        let parsed = self.work(parse).await;
        let (private_key, sent) = parsed.unwrap_or(Err(KeyChangeError::Ending))?;
        let now = (self.clock)();
        let name = fingerprint_of(&private_key.blob);
        let added = self.table.lock().insert(AddedKey {
            end: End {
                lifetime: lifetime.map(|lifetime| now.since_boot + lifetime),
                valid_before: private_key.valid_before,
            },
            identity: Identity {
                name: name.clone(),
                blob: private_key.blob.clone(),
                comment,
                terms: Terms::Added(constraints),
            },
            private_key: Arc::new(private_key),
            sent,
        });
        self.changed.notify_one();
        added.inspect(|()| tracing::info!(key = name, "key added"))
    }

    /// Does what may take long, on a thread that may. What was begun goes on when whoever waits
    /// goes away, so its place is its own.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let place = self.slow.clone().acquire_owned().await.ok()?;
        let worked = tokio::task::spawn_blocking(move || {
            let worked = work();
            drop(place);
            worked
        });
        worked.await.ok()
    }

    /// Returns how many there are, locked or not.
    pub fn count(&self) -> usize {
        self.remove_what_has_ended();
        match &*self.table.lock() {
            Table::Open { keys, .. } => keys.len(),
            Table::Sealed(keys) => keys.len(),
        }
    }

    /// Removes the key with this blob. Returns false if there is none.
    pub fn remove(&self, blob: &[u8]) -> bool {
        self.retain(|it, _| it.blob != blob) > 0
    }

    pub fn remove_all(&self) {
        let removed = self.retain(|_, _| false);
        tracing::info!(removed, "added keys removed");
    }

    /// Removes each key when its time is over, for as long as the daemon runs. `sleep` ends after
    /// the given time, sleep of the machine included, or earlier.
    pub async fn remove_ended<S: Future<Output = ()>>(&self, sleep: impl Fn(Duration) -> S) {
        loop {
            self.remove_what_has_ended();
            let next = self.table.lock().next_end((self.clock)());
            tokio::select! {
                () = self.changed.notified() => {}
                () = async { match next {
                    Some(left) => sleep(left).await,
                    None => std::future::pending().await,
                }} => {}
            }
        }
    }

    fn remove_what_has_ended(&self) {
        let now = (self.clock)();
        self.retain(|_, end| end.left(now) != Some(Duration::ZERO));
    }

    /// Keeps what `keep` says, locked or not. Returns how many were removed.
    fn retain(&self, keep: impl Fn(&Identity, End) -> bool) -> usize {
        let mut table = self.table.lock();
        match &mut *table {
            Table::Sealed(keys) => {
                let before = keys.len();
                keys.retain(|it| keep(&it.identity, it.end));
                before - keys.len()
            }
            Table::Open { keys, .. } => {
                if keys.iter().all(|it| keep(&it.identity, it.end)) {
                    return 0;
                }
                let mut keys = std::mem::take(keys);
                let before = keys.len();
                keys.retain(|it| keep(&it.identity, it.end));
                let removed = before - keys.len();
                *table = Table::open(keys);
                removed
            }
        }
    }
}

#[async_trait]
impl IdentitySource for AddedKeys {
    async fn identities(&self) -> Arc<Vec<Identity>> {
        self.remove_what_has_ended();
        match &*self.table.lock() {
            Table::Open { listed, .. } => listed.clone(),
            Table::Sealed(_) => Arc::default(),
        }
    }

    async fn sign(&self, identity: &Identity, data: &[u8], flags: u32) -> Option<Vec<u8>> {
        self.remove_what_has_ended();
        let private_key = match &*self.table.lock() {
            Table::Open { keys, .. } => {
                let mut keys = keys.iter();
                let key = keys.find(|it| it.identity.blob == identity.blob)?;
                key.private_key.clone()
            }
            Table::Sealed(_) => return None,
        };
        if !private_key.is_slow() {
            return private_key.sign(data, flags);
        }
        let data = data.to_vec();
        self.work(move || private_key.sign(&data, flags)).await?
    }
}

impl SealedWithLock for AddedKeys {
    fn seal(&self, recipient: &SealRecipient) {
        let mut table = self.table.lock();
        let Table::Open { keys, .. } = &mut *table else {
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
        *table = Table::Sealed(keys.into_iter().filter_map(seal).collect());
    }

    fn open(&self, key: &SealKey) {
        let sealed = match &mut *self.table.lock() {
            Table::Open { .. } => return,
            Table::Sealed(sealed) => std::mem::take(sealed),
        };
        // long work, while which the table is one without keys that takes none
        let open = |it: SealedKey| {
            let sent = SentKey(key.open(&it.sent).ok()?);
            Some(AddedKey {
                private_key: Arc::new(PrivateKey::parse(&sent).ok()?),
                sent,
                identity: it.identity,
                end: it.end,
            })
        };
        let before = sealed.len();
        let keys: Vec<_> = sealed.into_iter().filter_map(open).collect();
        if keys.len() < before {
            let lost = before - keys.len();
            tracing::warn!(lost, "keys cannot be opened again and are removed");
        }
        *self.table.lock() = Table::open(keys);
    }
}

impl Table {
    fn open(keys: Vec<AddedKey>) -> Self {
        let listed = keys.iter().map(|key| key.identity.clone()).collect();
        Self::Open {
            keys,
            listed: Arc::new(listed),
        }
    }

    /// Adds a key, or puts it in the place of the same one.
    fn insert(&mut self, key: AddedKey) -> Result<(), KeyChangeError> {
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

    /// Returns how long it is until the next key ends.
    fn next_end(&self, now: Now) -> Option<Duration> {
        let left = |end: End| end.left(now);
        match self {
            Self::Open { keys, .. } => keys.iter().filter_map(|it| left(it.end)).min(),
            Self::Sealed(keys) => keys.iter().filter_map(|it| left(it.end)).min(),
        }
    }
}

impl End {
    /// Returns how long it is until then; `None`: there is no end.
    fn left(self, now: Now) -> Option<Duration> {
        let lifetime = self.lifetime.map(|end| end.saturating_sub(now.since_boot));
        let valid = self.valid_before.map(|end| {
            let seconds = u64::try_from(end.since(now.wall)).unwrap_or(0);
            Duration::from_secs(seconds)
        });
        lifetime.into_iter().chain(valid).min()
    }
}

impl Now {
    fn of_system() -> Self {
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

/// Returns the fingerprint as `ssh-add -l` shows it: of a certificate, that of its key.
pub(super) fn fingerprint_of(blob: &[u8]) -> String {
    match super::certificate::read(blob) {
        Ok(Ok(read)) => fingerprint(&read.key),
        _ => fingerprint(blob),
    }
}

#[cfg(test)]
mod tests;
