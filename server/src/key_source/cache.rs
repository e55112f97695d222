//! Keys from the store while they are fresh, from the provider when they are not, and from the
//! store again while the provider cannot be asked.

use std::time::{Duration, SystemTime};

use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::time::UnixTime;

use super::entry::Attempt;
use super::store::NoTurn;
use super::{Bounds, Entry, KeySource, KeySourceError, Standing, Store, StoreError};
use crate::deadline::Deadline;

/// How long a provider may take where keys are at hand, waiting for others who ask included.
const TIMEOUT_WITH_KEYS: Duration = Duration::from_secs(3);

/// A store, in front of a provider.
pub struct KeyCache<'a, S> {
    store: &'a Store,
    source: &'a S,
    bounds: Bounds,
    /// Read anew after each wait.
    clock: &'a dyn Fn() -> UnixTime,
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
            clock: &|| UnixTime::from(SystemTime::now()),
        }
    }

    #[cfg(test)]
    fn with_clock(self, clock: &'a dyn Fn() -> UnixTime) -> Self {
        Self { clock, ..self }
    }

    /// The issuer's keys. The provider is asked if they are not fresh or if `suit` says that the
    /// one that is wanted is not among them, but not again and again. Several processes at once
    /// make one request. The deadline is for waiting and asking together.
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
        let deadline = match stands_in {
            Some(_) => deadline.at_most(TIMEOUT_WITH_KEYS),
            None => deadline,
        };
        let (turn, no_lock) = match self.store.turn(issuer, deadline) {
            Ok(turn) => (Some(turn), None),
            Err(NoTurn::OthersAreAsking(error)) => {
                return self.without_answer(error, stands_in, issuer, notices);
            }
            Err(NoTurn::NoLock(error)) => (None, Some(without_turn(issuer, &error))),
        };
        // another process may have got the keys, or failed to, in the meantime
        notices.clear();
        notices.extend(no_lock);
        let now = (self.clock)();
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
            return self.without_answer(error, kept, issuer, notices);
        }
        let fetched = self.fetch(issuer, deadline, &mut notices);
        drop(turn);
        match fetched {
            Ok(keys) => Ok(CachedKeys {
                keys,
                origin: Origin::Provider,
                notices,
            }),
            Err(error) => self.without_answer(error, kept, issuer, notices),
        }
    }

    /// Asks the provider now, whenever it was asked last.
    pub fn refresh(&self, issuer: &str, deadline: Deadline) -> Result<CachedKeys, KeySourceError> {
        let mut notices = Vec::new();
        let _turn = match self.store.turn(issuer, deadline) {
            Ok(turn) => Some(turn),
            Err(NoTurn::OthersAreAsking(error)) => return Err(error),
            Err(NoTurn::NoLock(error)) => {
                notices.push(without_turn(issuer, &error));
                None
            }
        };
        let keys = self.fetch(issuer, deadline, &mut notices)?;
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

    /// Notes first that it asks, as a process that is killed while asking has asked, too. After a
    /// failure the pause counts from its end.
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
            notices.push(format!("keys of {issuer} cannot be kept: {error}"));
        }
        fetched.map(|published| published.keys)
    }

    fn without_answer(
        &self,
        error: KeySourceError,
        kept: Option<Kept>,
        issuer: &str,
        mut notices: Vec<String>,
    ) -> Result<CachedKeys, KeySourceError> {
        let Some(kept) = kept else {
            return Err(error);
        };
        let now = (self.clock)();
        let age = now.since(kept.entry.fetched);
        let standing = self.bounds.standing(&kept.entry, now);
        if standing == Standing::Expired {
            return Err(KeySourceError::Stale {
                error: Box::new(error),
                hours: age / 3600,
                bound: self.bounds.stale_if_error().as_secs() / 3600,
            });
        }
        if standing == Standing::StaleIfError
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

#[cfg(test)]
mod tests;
