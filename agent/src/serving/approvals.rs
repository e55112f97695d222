//! What a person has said lately about uses of accounts through other machines
//! (`forwarding: confirm`).

use std::time::{Duration, Instant};

use opkssh_protocol::jwk::PublicKey;
use parking_lot::Mutex;

/// How long a yes counts, for the same use.
const YES: Duration = Duration::from_secs(10 * 60);
/// How long a no counts: whoever asks again does not get another question for it.
const NO: Duration = Duration::from_secs(60);
/// Answers that are remembered. The oldest goes first.
const MAX_ANSWERS: usize = 256;

/// A use of an account through another machine.
#[derive(Clone, PartialEq)]
pub struct ForwardedUse {
    /// The account's key, which each login changes.
    pub key: PublicKey,
    /// The host key of the machine that the agent is forwarded to.
    pub via: Vec<u8>,
    /// The host key of the server that the login is for.
    pub server: Vec<u8>,
}

/// Answers, each with its end.
#[derive(Default)]
pub struct Approvals(Mutex<Vec<(ForwardedUse, bool, Instant)>>);

impl Approvals {
    /// Returns what was said about this use, if that still counts at `now`.
    pub fn answer(&self, wanted: &ForwardedUse, now: Instant) -> Option<bool> {
        let mut answers = self.0.lock();
        answers.retain(|(_, _, end)| now < *end);
        let said = answers.iter().find(|(used, ..)| used == wanted);
        said.map(|(_, answer, _)| *answer)
    }

    pub fn remember(&self, said: ForwardedUse, answer: bool, now: Instant) {
        let mut answers = self.0.lock();
        answers.retain(|(used, ..)| *used != said);
        if answers.len() == MAX_ANSWERS {
            answers.remove(0);
        }
        let counts = if answer { YES } else { NO };
        answers.push((said, answer, now + counts));
    }
}

#[cfg(test)]
mod tests;
