//! Keys that a person gives the agent with `ssh-add`: they live in memory and in no store.

mod private_key;
mod request;
mod rsa;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use opkssh_protocol::time::UnixTime;
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Notify;

use super::source::{Identity, IdentitySource, Terms};
use crate::accounts::store::seal::{SealKey, SealRecipient, SealedWithLock};
use private_key::{PrivateKey, SentKey};
use request::AddRequest;

pub use private_key::NotTaken;

/// As many as ssh takes in a list.
const MAX_KEYS: usize = 2048;

/// The table of added keys.
pub struct AddedKeys {
    table: Mutex<Table>,
    /// For keys that are added without a lifetime.
    default_lifetime: Option<Duration>,
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

impl AddedKeys {
    pub fn new(default_lifetime: Option<Duration>) -> Self {
        Self {
            table: Mutex::new(Table::open(Vec::new())),
            default_lifetime,
            changed: Notify::new(),
        }
    }

    /// Adds the key of a request (RFC 9987 section 3.2), or puts it in the place of the same one.
    pub async fn add(&self, request: &[u8]) -> Result<(), NotTaken> {
        let AddRequest {
            key,
            comment,
            lifetime,
            constraints,
        } = AddRequest::parse(request)?;
        let lifetime = lifetime.or(self.default_lifetime);
        let parse = move || PrivateKey::parse(&key).map(|private_key| (private_key, key));
        let parsed = tokio::task::spawn_blocking(parse).await;
        let (private_key, sent) = parsed.unwrap_or(Err(NotTaken::Mismatch))?;
        let end = End {
            lifetime: lifetime.map(|lifetime| since_boot() + lifetime),
            valid_before: private_key.valid_before,
        };
        let name = fingerprint(&private_key.blob);
        tracing::info!(key = name, "key added");
        let key = AddedKey {
            identity: Identity {
                name,
                blob: private_key.blob.clone(),
                comment,
                terms: Terms::Added(constraints),
            },
            private_key: Arc::new(private_key),
            sent,
            end,
        };
        let mut table = self.table.lock();
        // sealed meanwhile
        let Table::Open { keys, .. } = &mut *table else {
            return Err(NotTaken::Locked);
        };
        let mut keys = std::mem::take(keys);
        let same = |it: &AddedKey| it.identity.blob == key.identity.blob;
        let added = match keys.iter().position(same) {
            Some(known) => {
                keys[known] = key;
                Ok(())
            }
            None if keys.len() < MAX_KEYS => {
                keys.push(key);
                Ok(())
            }
            None => Err(NotTaken::TooMany),
        };
        *table = Table::open(keys);
        drop(table);
        self.changed.notify_one();
        added
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
            let next = self.table.lock().next_end();
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
        self.retain(|_, end| !end.is_over());
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
        private_key.sign(data, flags).await
    }
}

impl SealedWithLock for AddedKeys {
    fn seal(&self, recipient: &SealRecipient) {
        let mut table = self.table.lock();
        let Table::Open { keys, .. } = &mut *table else {
            return;
        };
        let seal = |key: AddedKey| {
            Some(SealedKey {
                sent: recipient.seal(&key.sent.0).ok()?,
                identity: key.identity,
                end: key.end,
            })
        };
        let keys = std::mem::take(keys);
        *table = Table::Sealed(keys.into_iter().filter_map(seal).collect());
    }

    fn open(&self, key: &SealKey) {
        let mut table = self.table.lock();
        let Table::Sealed(sealed) = &mut *table else {
            return;
        };
        let open = |it: SealedKey| {
            let sent = SentKey(key.open(&it.sent).ok()?);
            Some(AddedKey {
                private_key: Arc::new(PrivateKey::parse(&sent).ok()?),
                sent,
                identity: it.identity,
                end: it.end,
            })
        };
        let sealed = std::mem::take(sealed);
        *table = Table::open(sealed.into_iter().filter_map(open).collect());
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

    /// Returns how long it is until the next key ends.
    fn next_end(&self) -> Option<Duration> {
        let left = |end: End| end.left();
        match self {
            Self::Open { keys, .. } => keys.iter().filter_map(|it| left(it.end)).min(),
            Self::Sealed(keys) => keys.iter().filter_map(|it| left(it.end)).min(),
        }
    }
}

impl End {
    fn is_over(self) -> bool {
        self.left() == Some(Duration::ZERO)
    }

    fn left(self) -> Option<Duration> {
        let lifetime = self.lifetime.map(|end| end.saturating_sub(since_boot()));
        let now = UnixTime::from(SystemTime::now());
        let valid = self.valid_before.map(|end| {
            let seconds = u64::try_from(end.since(now)).unwrap_or(0);
            Duration::from_secs(seconds)
        });
        lifetime.into_iter().chain(valid).min()
    }
}

/// Returns the time since boot, as far as possible with the time that the machine has slept.
fn since_boot() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    let now = clock_gettime(clock);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Returns `SHA256:…`, as `ssh-add -l` shows it: of a certificate, that of its key.
pub(super) fn fingerprint(blob: &[u8]) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    let key = match super::certificate::read(blob) {
        Ok(Ok(read)) => read.key,
        _ => blob.to_vec(),
    };
    let hash = digest(&SHA256, &key);
    format!("SHA256:{}", STANDARD_NO_PAD.encode(hash))
}

#[cfg(test)]
mod tests;
