//! The table where the two wings meet: the accounts wing puts identities in, the serving wing
//! shows and signs with them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::{Duration, Instant};

use opkssh_protocol::config::{Forwarding, known_public_forges};
use opkssh_protocol::secret::Secret;
use opkssh_protocol::user_key::UserKey;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

/// How long a list request waits for a renewal. sshd's LoginGraceTime is running.
const FRESHEN_PATIENCE: Duration = Duration::from_secs(30);
/// How long ssh waits in all where a person is asked to log in.
pub const PERSON_PATIENCE: Duration = Duration::from_secs(45);
/// Notices kept for `status`.
const MAX_NOTICES: usize = 20;
/// The same warning is written no more often than this.
const WARN_AGAIN: Duration = Duration::from_secs(60);
/// Different warnings in that time.
const MAX_WRITTEN: usize = 100;

/// A key and its certificate as the agent offers them.
pub struct Identity {
    pub account: String,
    pub key: Arc<UserKey>,
    /// The certificate's blob (PROTOCOL.certkeys).
    pub certificate: Vec<u8>,
    /// What `ssh-add -l` shows behind the fingerprint.
    pub comment: String,
    pub visibility: Visibility,
}

/// To which servers an account is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visibility {
    /// Host patterns the account is meant for; empty: all.
    pub hosts: Vec<String>,
    pub forwarding: Forwarding,
    /// Patterns of servers that `hosts` have to name exactly.
    pub public_forges: Vec<String>,
}

impl Default for Visibility {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            forwarding: Forwarding::default(),
            public_forges: known_public_forges(),
        }
    }
}

/// The identities held now.
pub struct Held {
    identities: RwLock<Arc<Vec<Identity>>>,
    notices: Mutex<VecDeque<String>>,
    written: Mutex<Written>,
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
    pub fn new() -> (Self, FreshenRequests) {
        let (freshen, requests) = mpsc::channel(64);
        let held = Self {
            identities: RwLock::default(),
            notices: Mutex::default(),
            written: Mutex::default(),
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

    /// None while locked or put away.
    pub fn identities(&self) -> Arc<Vec<Identity>> {
        if self.is_locked() {
            return Arc::default();
        }
        self.identities
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }

    pub fn replace(&self, identities: Vec<Identity>) {
        *self
            .identities
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = Arc::new(identities);
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

    /// Asks the accounts wing for fresh identities and waits for it, a bounded time. `since`: when
    /// ssh began to wait.
    pub async fn freshen(&self, accounts: Vec<String>, since: Instant) {
        let end = since + FRESHEN_PATIENCE;
        self.ask(accounts, FreshenWish::Renew, end).await;
    }

    /// Has a person asked for a login, as it is configured, where none of these accounts can be
    /// used. They must be meant for the server at hand. `since`: when ssh began to wait.
    pub async fn ask_person(&self, accounts: Vec<String>, since: Instant) {
        let end = since + PERSON_PATIENCE;
        self.ask(accounts, FreshenWish::AskPerson, end).await;
    }

    async fn ask(&self, accounts: Vec<String>, wish: FreshenWish, end: Instant) {
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

    /// Something the person should find in `status`, once, however often it happens.
    pub fn notice(&self, text: String) {
        self.warn(&text);
        let mut notices = self
            .notices
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        notices.retain(|notice| *notice != text);
        notices.push_back(text);
        if notices.len() > MAX_NOTICES {
            notices.pop_front();
        }
    }

    /// A warning for the log. Peers cause these as often as they like, so the same text is
    /// written once a minute.
    pub fn warn(&self, text: &str) {
        let mut written = self
            .written
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if written.admits(text, Instant::now()) {
            tracing::warn!("{text}");
        }
    }

    pub fn notices(&self) -> Vec<String> {
        let notices = self
            .notices
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        notices.iter().cloned().collect()
    }
}

/// What the log was told lately.
#[derive(Default)]
struct Written(VecDeque<(String, Instant)>);

impl Written {
    /// Is `text` to be written at `now`? If so, it counts as written.
    fn admits(&mut self, text: &str, now: Instant) -> bool {
        self.0
            .retain(|(_, at)| now.saturating_duration_since(*at) < WARN_AGAIN);
        if self.0.len() == MAX_WRITTEN || self.0.iter().any(|(written, _)| written == text) {
            return false;
        }
        self.0.push_back((text.to_owned(), now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_that_comes_back_is_still_one() {
        let (held, _requests) = Held::new();
        for _ in 0..100 {
            for text in ["a", "b", "c"] {
                held.notice(text.to_owned());
            }
        }
        assert_eq!(held.notices(), ["a", "b", "c"]);
        held.notice("a".to_owned());
        assert_eq!(held.notices(), ["b", "c", "a"], "the latest last");
        for number in 0..MAX_NOTICES {
            held.notice(number.to_string());
        }
        assert_eq!(held.notices().len(), MAX_NOTICES);
    }

    #[test]
    fn the_log_hears_the_same_thing_once_a_minute() {
        let mut written = Written::default();
        let start = Instant::now();
        assert!(written.admits("a", start));
        assert!(written.admits("b", start));
        assert!(!written.admits("a", start + WARN_AGAIN / 2));
        assert!(written.admits("a", start + WARN_AGAIN));
        assert!(!written.admits("a", start + WARN_AGAIN));
        // nor is it filled with ever new ones
        let later = start + 3 * WARN_AGAIN;
        let admitted = (0..1000).filter(|number| written.admits(&number.to_string(), later));
        assert_eq!(admitted.count(), MAX_WRITTEN);
    }
}
