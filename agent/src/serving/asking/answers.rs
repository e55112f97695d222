//! What the person has said lately about uses of keys.

use std::time::{Duration, Instant};

use opkssh_protocol::jwk::PublicKey;
use parking_lot::Mutex;

/// How long a yes counts for the same use, if the person chose that.
const YES: Duration = Duration::from_secs(10 * 60);
/// How long a no counts for whatever the same machine asks for with the same key.
const NO: Duration = Duration::from_secs(60);
/// Answers of each kind that are remembered. The oldest goes first.
const MAX_ANSWERS: usize = 256;

/// A use of a key that the person can be asked about. Host keys are `SHA256:…`.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyUse {
    /// The source's name of the identity.
    pub identity: String,
    /// The account's key, which each login changes; `None`: the identity is no account.
    pub key: Option<PublicKey>,
    /// How a connection from another machine came here; `None`: it did not.
    pub via: Option<Vec<String>>,
    /// The host key of the server that the login is for, if it was proved.
    pub server: Option<String>,
}

impl KeyUse {
    pub fn is_forwarded(&self) -> bool {
        self.via.is_some()
    }

    /// The machine that is known to ask: what it says of further ones may be made up.
    fn first_machine(&self) -> Option<&String> {
        self.via.as_ref()?.first()
    }
}

#[derive(Default)]
pub struct Answers(Mutex<Remembered>);

/// Answers, each with its end.
#[derive(Default)]
struct Remembered {
    permitted: Vec<(KeyUse, Instant)>,
    refused: Vec<(KeyUse, Instant)>,
}

impl Answers {
    /// Returns what was said about this use, if that still counts at `now`.
    pub fn find(&self, wanted: &KeyUse, now: Instant) -> Option<bool> {
        let mut remembered = self.0.lock();
        let Remembered { permitted, refused } = &mut *remembered;
        permitted.retain(|(_, end)| now < *end);
        refused.retain(|(_, end)| now < *end);
        if permitted.iter().any(|(known, _)| known == wanted) {
            return Some(true);
        }
        // what else a machine says can be made up
        let is_same = |known: &KeyUse| {
            wanted.is_forwarded()
                && (&known.identity, &known.key) == (&wanted.identity, &wanted.key)
                && known.first_machine() == wanted.first_machine()
        };
        refused
            .iter()
            .any(|(known, _)| is_same(known))
            .then_some(false)
    }

    pub fn permit(&self, used: KeyUse, now: Instant) {
        let mut remembered = self.0.lock();
        remembered.permitted.retain(|(known, _)| *known != used);
        push(&mut remembered.permitted, (used, now + YES));
    }

    /// Remembers a no to another machine. This one's own ssh may ask again at once.
    pub fn refuse(&self, used: &KeyUse, now: Instant) {
        if used.is_forwarded() {
            push(&mut self.0.lock().refused, (used.clone(), now + NO));
        }
    }

    /// Forgets what was permitted to an identity through a machine.
    pub fn forget(&self, identity: &str, host_key: &str) {
        let mut remembered = self.0.lock();
        let is_via = |used: &KeyUse| used.via.iter().flatten().any(|key| key == host_key);
        let permitted = &mut remembered.permitted;
        permitted.retain(|(known, _)| known.identity != identity || !is_via(known));
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
