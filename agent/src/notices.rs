//! What the person should know: notices for `status`, and warnings for the log.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use opkssh_protocol::control::Notice;
use parking_lot::Mutex;

/// The same warning is written no more often than this.
const WARN_AGAIN: Duration = Duration::from_secs(60);
/// Different warnings in that time.
const MAX_WRITTEN: usize = 100;

/// What a notice is about; the texts are names of accounts. Peers cannot make up causes, so notices
/// need no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Not listed for a server. Ends when the identity is listed for one.
    NotOffered(String),
    /// Not signed with on a forwarded connection. Ends when the identity signs on one.
    SignatureRefused(String),
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
mod tests {
    use super::*;

    fn texts(notices: &Notices) -> Vec<String> {
        let list = notices.list().into_iter();
        list.map(|notice| notice.text).collect()
    }

    #[test]
    fn a_cause_has_one_notice_the_latest() {
        let notices = Notices::default();
        let refused = |name: &str| Cause::SignatureRefused(name.to_owned());
        for _ in 0..100 {
            notices.tell(refused("a"), "first".to_owned());
            notices.tell(refused("b"), "other".to_owned());
            notices.tell(Cause::NotOffered("a".to_owned()), "third".to_owned());
        }
        assert_eq!(texts(&notices), ["first", "other", "third"]);
        notices.tell(refused("a"), "later".to_owned());
        assert_eq!(texts(&notices), ["other", "third", "later"]);
        assert!(notices.list().iter().all(|notice| notice.at.is_some()));
    }

    #[test]
    fn a_notice_goes_with_its_cause() {
        let notices = Notices::default();
        notices.tell(Cause::NotOffered("a".to_owned()), "a".to_owned());
        notices.tell(Cause::NotOffered("b".to_owned()), "b".to_owned());
        notices.tell(Cause::LoginFailed("a".to_owned()), "failed".to_owned());
        notices.clear(&Cause::NotOffered("a".to_owned()));
        assert_eq!(texts(&notices), ["b", "failed"]);
        for cause in Cause::ended_by_login("a") {
            notices.clear(&cause);
        }
        assert_eq!(texts(&notices), ["b"]);
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
