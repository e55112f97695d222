//! The identities that the accounts wing shows: what the serving wing lists and signs with.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, RwLock, RwLockReadGuard};
use std::time::Instant;

use opkssh_protocol::secret::Secret;
use opkssh_protocol::user_key::UserKey;
use tokio::sync::{mpsc, oneshot, watch};

use crate::notices::Notices;
use crate::serving::source::Identity;

/// The identities held now.
pub struct Held {
    /// What is told of accounts.
    pub notices: Arc<Notices>,
    table: RwLock<Table>,
    freshen: mpsc::Sender<FreshenRequest>,
    /// Nothing is shown or signed, whatever is in the table.
    locked: AtomicBool,
    /// Likewise, without a password: see `accounts::away`.
    put_away: AtomicBool,
    before_look: OnceLock<Box<dyn Fn() + Send + Sync>>,
    passwords: OnceLock<mpsc::Sender<PasswordRequest>>,
    /// How often each account has signed since the daemon's start.
    used: watch::Sender<BTreeMap<String, u64>>,
}

#[derive(Default)]
struct Table {
    listed: Arc<Vec<Identity>>,
    /// Of those, by their names.
    keys: BTreeMap<String, Arc<UserKey>>,
}

/// Somebody wants to lock (else unlock) the agent.
pub struct PasswordRequest {
    pub lock: bool,
    pub password: Secret,
    /// Whether it was done.
    pub done: oneshot::Sender<bool>,
}

/// The accounts wing's end.
pub type PasswordRequests = mpsc::Receiver<PasswordRequest>;

/// Somebody is about to log in with these accounts' identities.
pub struct FreshenRequest {
    pub accounts: Vec<String>,
    pub wish: FreshenWish,
    pub done: oneshot::Sender<()>,
}

/// What shall be done for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreshenWish {
    /// They shall be renewed if stale.
    Renew,
    /// A person may be asked to log in, if none of them is usable.
    AskPerson,
}

/// The accounts wing's end.
pub type FreshenRequests = mpsc::Receiver<FreshenRequest>;

impl Held {
    pub fn new(notices: Arc<Notices>) -> (Self, FreshenRequests) {
        let (freshen, requests) = mpsc::channel(64);
        let held = Self {
            notices,
            table: RwLock::default(),
            freshen,
            locked: AtomicBool::new(false),
            put_away: AtomicBool::new(false),
            before_look: OnceLock::new(),
            passwords: OnceLock::new(),
            used: watch::Sender::default(),
        };
        (held, requests)
    }

    /// The accounts wing's end of lock and unlock, once.
    pub fn password_requests(&self) -> PasswordRequests {
        let (sender, requests) = mpsc::channel(64);
        let _ = self.passwords.set(sender);
        requests
    }

    pub fn set_locked(&self, locked: bool) {
        self.locked.store(locked, Ordering::SeqCst);
    }

    pub fn set_put_away(&self, put_away: bool) {
        self.put_away.store(put_away, Ordering::SeqCst);
    }

    pub fn is_put_away(&self) -> bool {
        self.put_away.load(Ordering::SeqCst)
    }

    fn is_locked(&self) -> bool {
        self.locked.load(Ordering::SeqCst) || self.is_put_away()
    }

    /// Has the accounts wing lock or unlock the agent, and waits for it. Was it done?
    pub async fn say_password(&self, lock: bool, password: Secret) -> bool {
        let Some(passwords) = self.passwords.get() else {
            return false;
        };
        let (done, finished) = oneshot::channel();
        let request = PasswordRequest {
            lock,
            password,
            done,
        };
        passwords.send(request).await.is_ok() && finished.await.unwrap_or(false)
    }

    /// What is to be done before anybody looks at the identities, once; it may read files.
    pub fn before_look(&self, look: impl Fn() + Send + Sync + 'static) {
        let _ = self.before_look.set(Box::new(look));
    }

    /// Brings the identities up to date with what the person has configured by now.
    pub fn look(&self) {
        // asks for the time of a file or two, as looking into known_hosts does: handing that to
        // another thread would take longer
        if let Some(look) = self.before_look.get() {
            look();
        }
    }

    /// Returns what is listed; nothing while locked or put away.
    pub fn listed(&self) -> Arc<Vec<Identity>> {
        if self.is_locked() {
            return Arc::default();
        }
        self.read().listed.clone()
    }

    /// Returns the key of an identity; none while locked or put away.
    pub fn key(&self, name: &str) -> Option<Arc<UserKey>> {
        if self.is_locked() {
            return None;
        }
        self.read().keys.get(name).cloned()
    }

    pub fn replace(&self, identities: Vec<(Identity, Arc<UserKey>)>) {
        let keys = identities
            .iter()
            .map(|(identity, key)| (identity.name.clone(), key.clone()))
            .collect();
        let listed = identities.into_iter().map(|(identity, _)| identity);
        *self
            .table
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = Table {
            listed: Arc::new(listed.collect()),
            keys,
        };
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// An account has signed.
    pub fn note_use(&self, account: &str) {
        self.used
            .send_modify(|used| *used.entry(account.to_owned()).or_default() += 1);
    }

    /// Follows how often each account has signed.
    pub fn used(&self) -> watch::Receiver<BTreeMap<String, u64>> {
        self.used.subscribe()
    }

    /// Has the accounts wing do what is wished for, and waits for it until `end`.
    pub async fn ask(&self, accounts: Vec<String>, wish: FreshenWish, end: Instant) {
        if self.is_locked() {
            return;
        }
        let (done, finished) = oneshot::channel();
        let request = FreshenRequest {
            accounts,
            wish,
            done,
        };
        if self.freshen.send(request).await.is_ok() {
            let _ = tokio::time::timeout_at(end.into(), finished).await;
        }
    }
}
