//! Provides keys from the store while they are fresh, then from the provider, and from the store
//! again while the provider does not answer.

use std::time::{Duration, SystemTime};

use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::time::UnixTime;

use super::entry::Attempt;
use super::store::NoIssuerLock;
use super::{Bounds, Entry, KeySource, KeySourceError, KeyStoreError, KeyUse, Store};
use crate::deadline::Deadline;

/// Time limit for a provider, including waiting for the lock, if cached keys are usable.
const TIMEOUT_WITH_KEYS: Duration = Duration::from_secs(3);

/// A store in front of a provider.
pub struct KeyCache<'a, S> {
    store: &'a Store,
    source: &'a S,
    bounds: Bounds,
    /// Clock, read again after each wait.
    clock: &'a dyn Fn() -> UnixTime,
}

/// Keys, and messages for the log.
#[derive(Debug)]
pub struct CachedKeys {
    pub keys: KeySet,
    /// Age in seconds of keys from the cache; `None`: from the provider.
    pub age: Option<i64>,
    /// Notices for the admin, not escaped.
    pub notices: Vec<String>,
}

impl<'a, S: KeySource> KeyCache<'a, S> {
    pub fn new(store: &'a Store, source: &'a S, bounds: Bounds) -> Self {
        Self {
            store,
            source,
            bounds,
            clock: &|| UnixTime::from(SystemTime::now()),
        }
    }

    #[cfg(test)]
    fn with_clock(self, clock: &'a dyn Fn() -> UnixTime) -> Self {
        Self { clock, ..self }
    }

    /// Returns the issuer's keys. Asks the provider if they are not fresh or if `suit` does not
    /// find the wanted key, but only at limited intervals. Concurrent processes share one request.
    /// The deadline includes waiting for the lock.
    pub fn keys(
        &self,
        issuer: &str,
        deadline: Deadline,
        suit: impl Fn(&KeySet) -> bool,
    ) -> Result<CachedKeys, KeySourceError> {
        let mut notices = Vec::new();
        let now = (self.clock)();
        let kept = self.kept(issuer, now, &mut notices);
        if let Some(kept) = &kept
            && kept.standing == KeyUse::Fresh
        {
            let suits = suit(&kept.keys);
            let wait = match suits {
                true => None,
                false => self.must_wait(issuer, true, now),
            };
            if let Some((_, again)) = &wait {
                notices.push(format!(
                    "wanted key not found at {issuer}, which is asked again in {again} s"
                ));
            }
            if suits || wait.is_some() {
                return Ok(answer(kept, now, notices));
            }
        }
        let stands_in = kept.filter(|kept| kept.standing != KeyUse::Expired);
        let deadline = match &stands_in {
            Some(_) => deadline.at_most(TIMEOUT_WITH_KEYS),
            None => deadline,
        };
        let (lock, no_lock) = match self.store.lock_issuer(issuer, deadline) {
            Ok(lock) => (Some(lock), None),
            Err(NoIssuerLock::OthersAreAsking(error)) => {
                return self.without_answer(error, stands_in, issuer, notices);
            }
            Err(NoIssuerLock::NoLock(error)) => (None, Some(fetch_without_lock(issuer, &error))),
        };
        // another process may have fetched the keys, or failed to, in the meantime
        notices.clear();
        notices.extend(no_lock);
        let now = (self.clock)();
        let kept = self.kept(issuer, now, &mut notices);
        let is_usable = |kept: &CachedEntry| kept.standing != KeyUse::Expired;
        let has_keys = kept.as_ref().is_some_and(is_usable);
        if let Some(kept) = &kept
            && kept.standing == KeyUse::Fresh
            && suit(&kept.keys)
        {
            return Ok(answer(kept, now, notices));
        }
        if let Some((attempt, again)) = self.must_wait(issuer, has_keys, now) {
            let error = KeySourceError::AskedJustNow {
                issuer: issuer.to_owned(),
                ago: now.since(attempt.asked),
                again,
                failure: attempt.failure,
            };
            return self.without_answer(error, kept, issuer, notices);
        }
        let fetched = self.fetch(issuer, deadline, &mut notices);
        drop(lock);
        match fetched {
            Ok(keys) => Ok(from_provider(keys, notices)),
            Err(error) => self.without_answer(error, kept, issuer, notices),
        }
    }

    /// Asks the provider now, regardless of the last request.
    pub fn refresh(&self, issuer: &str, deadline: Deadline) -> Result<CachedKeys, KeySourceError> {
        let mut notices = Vec::new();
        let _lock = match self.store.lock_issuer(issuer, deadline) {
            Ok(lock) => Some(lock),
            Err(NoIssuerLock::OthersAreAsking(error)) => return Err(error),
            Err(NoIssuerLock::NoLock(error)) => {
                notices.push(fetch_without_lock(issuer, &error));
                None
            }
        };
        let keys = self.fetch(issuer, deadline, &mut notices)?;
        Ok(from_provider(keys, notices))
    }

    fn kept(&self, issuer: &str, now: UnixTime, notices: &mut Vec<String>) -> Option<CachedEntry> {
        let found = self.store.entry(issuer).unwrap_or_else(|reason| {
            notices.push(format!("cached keys of {issuer} not used: {reason}"));
            None
        });
        let (entry, keys) = found?;
        let standing = self.bounds.standing(&entry, now);
        (standing != KeyUse::NotYet).then_some(CachedEntry {
            entry,
            keys,
            standing,
        })
    }

    fn must_wait(&self, issuer: &str, has_keys: bool, now: UnixTime) -> Option<(Attempt, i64)> {
        let attempt = self.store.attempt(issuer)?;
        let again = self.bounds.must_wait(attempt.asked, has_keys, now)?;
        Some((attempt, again))
    }

    /// Fetches and stores the keys. Records the attempt first, so that it counts even if the
    /// process is killed. After a failure, the pause counts from its end.
    fn fetch(
        &self,
        issuer: &str,
        deadline: Deadline,
        notices: &mut Vec<String>,
    ) -> Result<KeySet, KeySourceError> {
        let attempt = |failure| Attempt {
            issuer: issuer.to_owned(),
            asked: (self.clock)(),
            failure,
        };
        let began = attempt(None);
        let mut noted = self.store.note(&began);
        let fetched = self.source.fetch(issuer, deadline);
        match &fetched {
            Ok(published) => {
                let entry = Entry::new(issuer, published, began.asked);
                noted = noted.and(self.store.keep(&entry));
            }
            Err(error) => {
                let ended = attempt(Some(error.to_string()));
                noted = noted.and(self.store.note(&ended));
            }
        }
        if let Err(error) = noted {
            notices.push(format!("keys of {issuer} not cached: {error}"));
        }
        fetched.map(|published| published.keys)
    }

    fn without_answer(
        &self,
        error: KeySourceError,
        kept: Option<CachedEntry>,
        issuer: &str,
        mut notices: Vec<String>,
    ) -> Result<CachedKeys, KeySourceError> {
        let Some(kept) = kept else {
            return Err(error);
        };
        let now = (self.clock)();
        let age = now.since(kept.entry.fetched);
        let standing = self.bounds.standing(&kept.entry, now);
        if standing == KeyUse::Expired {
            return Err(KeySourceError::Stale {
                error: Box::new(error),
                hours: age / 3600,
                bound: self.bounds.stale_if_error.as_secs() / 3600,
            });
        }
        if standing == KeyUse::StaleIfError || !matches!(error, KeySourceError::AskedJustNow { .. })
        {
            notices.push(format!("using keys of {issuer} from {age} s ago: {error}"));
        }
        Ok(answer(&kept, now, notices))
    }
}

struct CachedEntry {
    entry: Entry,
    keys: KeySet,
    standing: KeyUse,
}

fn answer(kept: &CachedEntry, now: UnixTime, notices: Vec<String>) -> CachedKeys {
    CachedKeys {
        keys: kept.keys.clone(),
        age: Some(now.since(kept.entry.fetched)),
        notices,
    }
}

fn from_provider(keys: KeySet, notices: Vec<String>) -> CachedKeys {
    CachedKeys {
        keys,
        age: None,
        notices,
    }
}

/// Fetches without the lock: several requests at once are better than refusing everybody.
fn fetch_without_lock(issuer: &str, error: &KeyStoreError) -> String {
    format!("asking {issuer} without a lock: {error}")
}

#[cfg(test)]
mod tests;
