//! The table where the two wings meet: the accounts wing puts identities in, the serving wing
//! shows and signs with them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use opkssh_protocol::user_key::UserKey;
use tokio::sync::{mpsc, oneshot};

/// How long a list request waits for a renewal. sshd's LoginGraceTime is running.
const FRESHEN_PATIENCE: Duration = Duration::from_secs(30);
/// Notices kept for `status`.
const MAX_NOTICES: usize = 20;

/// A key and its certificate as the agent offers them.
pub struct Identity {
    pub account: String,
    pub key: Arc<UserKey>,
    /// The certificate's blob (PROTOCOL.certkeys).
    pub certificate: Vec<u8>,
    /// What `ssh-add -l` shows behind the fingerprint.
    pub comment: String,
    /// Host patterns the account is meant for; empty: all.
    pub hosts: Vec<String>,
}

/// The identities held now.
pub struct Held {
    identities: RwLock<Arc<Vec<Identity>>>,
    notices: Mutex<VecDeque<String>>,
    freshen: mpsc::Sender<FreshenRequest>,
}

/// Somebody is about to log in with these accounts' identities: they shall be renewed if stale.
pub struct FreshenRequest {
    pub accounts: Vec<String>,
    pub done: oneshot::Sender<()>,
}

/// The accounts wing's end.
pub type FreshenRequests = mpsc::Receiver<FreshenRequest>;

impl Held {
    pub fn new() -> (Self, FreshenRequests) {
        let (freshen, requests) = mpsc::channel(64);
        let held = Self {
            identities: RwLock::default(),
            notices: Mutex::default(),
            freshen,
        };
        (held, requests)
    }

    pub fn identities(&self) -> Arc<Vec<Identity>> {
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

    /// Asks the accounts wing for fresh identities and waits for it, a bounded time.
    pub async fn freshen(&self, accounts: Vec<String>) {
        let (done, finished) = oneshot::channel();
        if self
            .freshen
            .send(FreshenRequest { accounts, done })
            .await
            .is_ok()
        {
            let _ = tokio::time::timeout(FRESHEN_PATIENCE, finished).await;
        }
    }

    /// Something the person should find in `status`.
    pub fn notice(&self, text: String) {
        tracing::warn!("{text}");
        let mut notices = self
            .notices
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if notices.back() != Some(&text) {
            notices.push_back(text);
        }
        if notices.len() > MAX_NOTICES {
            notices.pop_front();
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
