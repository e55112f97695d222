//! Keys that a person gives the agent with `ssh-add`: they live in memory and in no store.

mod error;
mod private_key;
mod request;
mod rsa;
mod sent_key;
mod table;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opkssh_protocol::inspect::fingerprint;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use super::source::{Identity, IdentitySource, Terms};
use crate::seal::{SealKey, SealRecipient, SealedWithLock};
use private_key::PrivateKey;
use request::AddRequest;
use table::{AddedKey, End, Now, Table};

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
                // OpenSSH's agent keeps a certificate that has ended before it was added
                valid_before: private_key.valid_before.filter(|end| *end > now.wall),
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
        self.table.lock().count()
    }

    /// Returns the fingerprints of all, locked or not.
    pub fn fingerprints(&self) -> Vec<String> {
        self.table.lock().fingerprints()
    }

    /// Removes the key with this blob. Returns false if there is none.
    pub fn remove(&self, blob: &[u8]) -> bool {
        self.table.lock().retain(|it, _| it.blob != blob) > 0
    }

    pub fn remove_all(&self) {
        let removed = self.table.lock().retain(|_, _| false);
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
        let is_left = |_: &Identity, end: End| end.left(now) != Some(Duration::ZERO);
        self.table.lock().retain(is_left);
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
        let private_key = self.table.lock().private_key(&identity.blob)?;
        if !private_key.is_slow() {
            return private_key.sign(data, flags);
        }
        let data = data.to_vec();
        self.work(move || private_key.sign(&data, flags)).await?
    }
}

impl SealedWithLock for AddedKeys {
    fn seal(&self, recipient: &SealRecipient) {
        self.table.lock().seal(recipient);
    }

    fn open(&self, key: &SealKey) {
        let sealed = match &mut *self.table.lock() {
            Table::Open { .. } => return,
            Table::Sealed(sealed) => std::mem::take(sealed),
        };
        // long work, while which the table is one without keys that takes none
        let before = sealed.len();
        let keys: Vec<_> = sealed.into_iter().filter_map(|it| it.open(key)).collect();
        if keys.len() < before {
            let lost = before - keys.len();
            tracing::warn!(lost, "keys cannot be opened again and are removed");
        }
        *self.table.lock() = Table::open(keys);
    }
}

/// Returns the fingerprint as `ssh-add -l` shows it: of a certificate, that of its key.
pub fn fingerprint_of(blob: &[u8]) -> String {
    match super::certificate::read(blob) {
        Ok(Ok(read)) => fingerprint(&read.key),
        _ => fingerprint(blob),
    }
}

#[cfg(test)]
mod tests;
