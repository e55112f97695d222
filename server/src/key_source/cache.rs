//! Keys from the store while they are fresh, from the provider when they are not, and from the
//! store again while the provider cannot be asked.

use std::time::Duration;

use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::time::UnixTime;

use super::entry::Attempt;
use super::store::NoTurn;
use super::{Bounds, Entry, KeySource, KeySourceError, Standing, Store, StoreError};

/// How long a provider may take while nobody can be let in without it.
const DEADLINE: Duration = Duration::from_secs(10);
/// … and while there are keys that will do: somebody is waiting for a login.
const DEADLINE_WITH_KEYS: Duration = Duration::from_secs(3);

/// A store, in front of a provider.
pub struct KeyCache<'a, S> {
    store: &'a Store,
    source: &'a S,
    bounds: Bounds,
}

/// Keys, and what the log should say about them.
#[derive(Debug)]
pub struct CachedKeys {
    pub keys: KeySet,
    pub origin: Origin,
    /// What an admin may want to look at. Not escaped.
    pub notices: Vec<String>,
}

/// Where keys came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Provider,
    /// Fetched so many seconds ago.
    Store {
        age: i64,
    },
}

impl<'a, S: KeySource> KeyCache<'a, S> {
    pub fn new(store: &'a Store, source: &'a S, bounds: Bounds) -> Self {
        Self {
            store,
            source,
            bounds,
        }
    }

    /// The issuer's keys. The provider is asked if they are not fresh or if `suit` says that the
    /// one that is wanted is not among them, but not again and again. Several processes at once
    /// make one request.
    pub fn keys(
        &self,
        issuer: &str,
        now: UnixTime,
        suit: impl Fn(&KeySet) -> bool,
    ) -> Result<CachedKeys, KeySourceError> {
        let mut notices = Vec::new();
        let kept = self.kept(issuer, now, &mut notices);
        if let Some(kept) = &kept
            && kept.standing == Standing::Fresh
        {
            let again = if suit(&kept.keys) {
                None
            } else {
                self.must_wait(issuer, true, now)
            };
            if let Some((_, again)) = &again {
                notices.push(format!(
                    "the wanted key is not among those of {issuer}, which is asked again in {again} s"
                ));
            }
            if again.is_some() || suit(&kept.keys) {
                return Ok(answer(kept, now, notices));
            }
        }
        let stands_in = kept.filter(|kept| kept.standing != Standing::Expired);
        let patience = patience(stands_in.is_some());
        let (turn, no_lock) = match self.store.turn(issuer, patience + Duration::from_secs(1)) {
            Ok(turn) => (Some(turn), None),
            Err(NoTurn::OthersAreAsking(error)) => {
                return self.without_answer(error, stands_in, issuer, now, notices);
            }
            Err(NoTurn::NoLock(error)) => (None, Some(without_turn(issuer, &error))),
        };
        // while we waited for our turn, somebody else may have got what we want
        notices.clear();
        notices.extend(no_lock);
        let kept = self.kept(issuer, now, &mut notices);
        let has_keys = kept
            .as_ref()
            .is_some_and(|kept| kept.standing != Standing::Expired);
        if let Some(kept) = &kept
            && kept.standing == Standing::Fresh
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
            return self.without_answer(error, kept, issuer, now, notices);
        }
        let fetched = self.fetch(issuer, now, patience, &mut notices);
        drop(turn);
        match fetched {
            Ok(keys) => Ok(CachedKeys {
                keys,
                origin: Origin::Provider,
                notices,
            }),
            Err(error) => self.without_answer(error, kept, issuer, now, notices),
        }
    }

    /// Asks the provider now, whenever it was asked last.
    pub fn refresh(&self, issuer: &str, now: UnixTime) -> Result<CachedKeys, KeySourceError> {
        let mut notices = Vec::new();
        let _turn = match self.store.turn(issuer, DEADLINE) {
            Ok(turn) => Some(turn),
            Err(NoTurn::OthersAreAsking(error)) => return Err(error),
            Err(NoTurn::NoLock(error)) => {
                notices.push(without_turn(issuer, &error));
                None
            }
        };
        let keys = self.fetch(issuer, now, DEADLINE, &mut notices)?;
        Ok(CachedKeys {
            keys,
            origin: Origin::Provider,
            notices,
        })
    }

    fn kept(&self, issuer: &str, now: UnixTime, notices: &mut Vec<String>) -> Option<Kept> {
        match self.store.entry(issuer) {
            Ok(found) => found.map(|(entry, keys)| Kept {
                standing: self.bounds.standing(&entry, now),
                entry,
                keys,
            }),
            Err(reason) => {
                notices.push(format!("cached keys of {issuer} not used: {reason}"));
                None
            }
        }
        .filter(|kept| kept.standing != Standing::NotYet)
    }

    fn must_wait(&self, issuer: &str, has_keys: bool, now: UnixTime) -> Option<(Attempt, i64)> {
        let attempt = self.store.attempt(issuer)?;
        let again = self.bounds.must_wait(attempt.asked, has_keys, now)?;
        Some((attempt, again))
    }

    /// Says first that it asks: whoever is killed while asking has asked, too.
    fn fetch(
        &self,
        issuer: &str,
        now: UnixTime,
        patience: Duration,
        notices: &mut Vec<String>,
    ) -> Result<KeySet, KeySourceError> {
        let mut attempt = Attempt {
            issuer: issuer.to_owned(),
            asked: now,
            failure: None,
        };
        let mut noted = self.store.note(&attempt);
        let fetched = self.source.fetch(issuer, patience);
        match &fetched {
            Ok(published) => {
                noted = noted.and(self.store.keep(&Entry::new(issuer, published, now)));
            }
            Err(error) => {
                attempt.failure = Some(error.to_string());
                noted = noted.and(self.store.note(&attempt));
            }
        }
        if let Err(error) = noted {
            notices.push(format!("keys of {issuer} cannot be kept: {error}"));
        }
        fetched.map(|published| published.keys)
    }

    fn without_answer(
        &self,
        error: KeySourceError,
        kept: Option<Kept>,
        issuer: &str,
        now: UnixTime,
        mut notices: Vec<String>,
    ) -> Result<CachedKeys, KeySourceError> {
        let Some(kept) = kept else {
            return Err(error);
        };
        let age = now.since(kept.entry.fetched);
        if kept.standing == Standing::Expired {
            return Err(KeySourceError::Stale {
                error: Box::new(error),
                hours: age / 3600,
                bound: self.bounds.stale_if_error().as_secs() / 3600,
            });
        }
        if kept.standing == Standing::StaleIfError
            || !matches!(error, KeySourceError::AskedJustNow { .. })
        {
            notices.push(format!(
                "the keys of {issuer} are those of {age} s ago, as it cannot be asked: {error}"
            ));
        }
        Ok(answer(&kept, now, notices))
    }
}

struct Kept {
    entry: Entry,
    keys: KeySet,
    standing: Standing,
}

fn answer(kept: &Kept, now: UnixTime, notices: Vec<String>) -> CachedKeys {
    CachedKeys {
        keys: kept.keys.clone(),
        origin: Origin::Store {
            age: now.since(kept.entry.fetched),
        },
        notices,
    }
}

/// Better several requests at once than nobody let in.
fn without_turn(issuer: &str, error: &StoreError) -> String {
    format!("{issuer} is asked without waiting for others, as there is no lock: {error}")
}

fn patience(has_keys: bool) -> Duration {
    if has_keys {
        DEADLINE_WITH_KEYS
    } else {
        DEADLINE
    }
}

#[cfg(test)]
mod tests;
