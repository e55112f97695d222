//! What the person should know: notices for `status`, and warnings for the log.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use opkssh_protocol::control::Notice;
use parking_lot::Mutex;

/// The same warning is written no more often than this.
const WARN_AGAIN: Duration = Duration::from_secs(60);
/// Different warnings in that time.
const MAX_WRITTEN: usize = 100;

/// What a notice is about; the texts are names of accounts and fingerprints of added keys. Peers
/// cannot make up causes, so notices need no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Not listed for a server. Ends when the identity is listed for one.
    NotOffered(String),
    /// Not signed with on a forwarded connection. Ends when the identity signs on one.
    SignatureRefused(String),
    /// Not signed with on a connection of this machine (`confirm_local`). Ends when the identity signs
    /// on one.
    LocalUseRefused(String),
    /// Nobody could be asked whether this key from `ssh-add -c` may be used. Ends when the key signs
    /// or is removed.
    NotAsked(String),
    /// A session-bind could not be checked.
    BindNotVerified,
    /// A login that the agent began has failed.
    LoginFailed(String),
    /// A login is needed, and the person could not be asked.
    LoginNeeded(String),
    /// A login ends soon, and the person could not be told on the desktop.
    Reminder(String),
    /// SIGUSR1 dropped what no store has.
    Dropped(String),
    /// The end of a lifetime, with or without a logout.
    Logout(String),
    /// The agent does not lock with the screen or for sleep.
    LockOnNotFollowed,
}

/// The notices that hold now.
#[derive(Default)]
pub struct Notices {
    told: Mutex<Vec<(Cause, Notice)>>,
    written: Mutex<Written>,
}

impl Cause {
    /// Returns the causes to which a login to the account puts an end.
    pub fn ended_by_login(account: &str) -> [Self; 5] {
        [
            Self::LoginFailed,
            Self::LoginNeeded,
            Self::Reminder,
            Self::Dropped,
            Self::Logout,
        ]
        .map(|cause| cause(account.to_owned()))
    }
}

impl Notices {
    /// Keeps a notice until its cause is cleared. It takes the place of an earlier one of the same
    /// cause.
    pub fn tell(&self, cause: Cause, text: String) {
        self.warn(&text);
        let mut told = self.told.lock();
        told.retain(|(known, _)| *known != cause);
        let at = Some(SystemTime::now().into());
        told.push((cause, Notice { at, text }));
    }

    /// Forgets the notice of a cause that is no more.
    pub fn clear(&self, cause: &Cause) {
        self.told.lock().retain(|(known, _)| known != cause);
    }

    /// Forgets the notices about keys from `ssh-add` other than these.
    pub fn keep_keys(&self, keys: &[String]) {
        let is_gone = |cause: &Cause| matches!(cause, Cause::NotAsked(key) if !keys.contains(key));
        self.told.lock().retain(|(cause, _)| !is_gone(cause));
    }

    /// Writes a warning to the log. Peers cause these as often as they like, so the same text is
    /// written once a minute.
    pub fn warn(&self, text: &str) {
        let mut written = self.written.lock();
        if written.admits(text, Instant::now()) {
            tracing::warn!("{text}");
        }
    }

    /// Returns what holds now, the latest last.
    pub fn list(&self) -> Vec<Notice> {
        let told = self.told.lock();
        told.iter().map(|(_, notice)| notice.clone()).collect()
    }
}

/// What the log was told lately.
#[derive(Default)]
struct Written(VecDeque<(String, Instant)>);

impl Written {
    /// Returns true if `text` is to be written at `now`; it then counts as written.
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
mod tests;
