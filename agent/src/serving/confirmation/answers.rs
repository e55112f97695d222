//! What the person has said lately about uses of keys.

use std::time::{Duration, Instant};

use opkssh_protocol::jwk::PublicKey;
use parking_lot::Mutex;

use super::NotAsked;
use super::question::Machine;

/// How long a yes counts for the same use, if the person chose that.
const YES: Duration = Duration::from_secs(10 * 60);
/// How long a no counts for whatever the same machine asks for with the same key.
const NO: Duration = Duration::from_secs(60);
/// Time for which it counts that nobody could be asked. Short, as the desktop may be starting.
const NOT_ASKED: Duration = Duration::from_secs(10);
/// Answers of each kind that are remembered. The oldest goes first.
const MAX_ANSWERS: usize = 256;

/// A use of a key that the person can be asked about. A host key is `SHA256:…`.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyUse {
    /// The source's name of the identity.
    pub identity: String,
    /// The account's key, which each login changes; `None`: the identity is no account.
    pub key: Option<PublicKey>,
    /// Issuer and subject of the account's login; empty: the identity is no account.
    pub person: String,
    /// How a connection from another machine came here; `None`: it did not.
    pub via: Option<Vec<Machine>>,
    /// User and host key of the server that the login is for, if it was proved.
    pub login: Option<(String, String)>,
}

impl KeyUse {
    pub fn is_forwarded(&self) -> bool {
        self.via.is_some()
    }

    /// Returns the first hop. Later hops are its claims.
    pub fn first_machine(&self) -> Option<&String> {
        self.via.as_ref()?.first().map(|machine| &machine.host_key)
    }
}

#[derive(Default)]
pub struct Answers(Mutex<Remembered>);

/// Answers, each with its end.
#[derive(Default)]
struct Remembered {
    permitted: Vec<(KeyUse, Instant)>,
    refused: Vec<(KeyUse, Refused, Instant)>,
}

/// A no, or why there was no answer.
type Refused = Result<(), NotAsked>;

impl Answers {
    /// Returns what was said about this use, if that still counts at `now`.
    pub fn find(&self, wanted: &KeyUse, now: Instant) -> Option<Result<bool, NotAsked>> {
        let mut remembered = self.0.lock();
        let Remembered { permitted, refused } = &mut *remembered;
        permitted.retain(|(_, end)| now < *end);
        refused.retain(|(.., end)| now < *end);
        if permitted.iter().any(|(known, _)| known == wanted) {
            return Some(Ok(true));
        }
        // what else a machine says can be made up
        let is_same = |known: &KeyUse| {
            wanted.is_forwarded()
                && (&known.identity, &known.key) == (&wanted.identity, &wanted.key)
                && known.first_machine() == wanted.first_machine()
        };
        let (_, refused, _) = refused.iter().find(|(known, ..)| is_same(known))?;
        Some(refused.clone().map(|()| false))
    }

    pub fn remember_yes(&self, used: KeyUse, now: Instant) {
        let mut remembered = self.0.lock();
        remembered.permitted.retain(|(known, _)| *known != used);
        push(&mut remembered.permitted, (used, now + YES));
    }

    /// Remembers a no to another machine. This one's own ssh may ask again at once.
    pub fn remember_no(&self, used: &KeyUse, refused: Refused, now: Instant) {
        let counts = match refused {
            Ok(()) | Err(NotAsked::Unanswered) => NO,
            Err(NotAsked::TooMany | NotAsked::Impossible(_)) => NOT_ASKED,
        };
        if used.is_forwarded() {
            let answer = (used.clone(), refused, now + counts);
            push(&mut self.0.lock().refused, answer);
        }
    }

    /// Returns what is permitted at `now`, each with the time that is left.
    pub fn permitted(&self, now: Instant) -> Vec<(KeyUse, Duration)> {
        let remembered = self.0.lock();
        let permitted = remembered.permitted.iter().filter(|(_, end)| now < *end);
        permitted
            .map(|(used, end)| (used.clone(), *end - now))
            .collect()
    }

    /// Forgets the uses that were permitted and are meant.
    pub fn forget(&self, is_meant: impl Fn(&KeyUse) -> bool) {
        self.0.lock().permitted.retain(|(used, _)| !is_meant(used));
    }
}

fn push<T>(answers: &mut Vec<T>, answer: T) {
    if answers.len() == MAX_ANSWERS {
        answers.remove(0);
    }
    answers.push(answer);
}

#[cfg(test)]
mod tests;
