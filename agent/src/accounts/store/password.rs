//! Trying passwords: one at a time, and each wrong one makes the next wait longer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use crate::seal::SealError;

/// As OpenSSH's agent: this much longer after each wrong password …
const STEP: Duration = Duration::from_millis(100);
/// … up to this.
const LONGEST: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("wrong password")]
    Wrong,
    #[error("an empty password locks nothing")]
    Empty,
    #[error("the agent is locked already")]
    LockedAlready,
    #[error("it is not locked")]
    NotLocked,
    #[error("{path}: {reason}")]
    File { path: String, reason: String },
    #[error("the agent ends")]
    Ending,
}

impl PasswordError {
    pub fn file(path: impl ToString, reason: impl ToString) -> Self {
        Self::File {
            path: path.to_string(),
            reason: reason.to_string(),
        }
    }

    pub fn sealed(path: impl ToString, error: &SealError) -> Self {
        match error {
            SealError::WrongPassword => Self::Wrong,
            other => Self::file(path, other),
        }
    }

    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Wrong => Some("try again: opkssh agent unlock".to_owned()),
            Self::Empty => Some("choose a password: opkssh agent lock".to_owned()),
            Self::LockedAlready => Some("unlock it: opkssh agent unlock".to_owned()),
            Self::File { path, .. } => Some(format!("look at it: ls -l {path}")),
            Self::NotLocked | Self::Ending => None,
        }
    }
}

/// What all tries at one password share. Waiting here blocks no other request.
#[derive(Default)]
pub struct Attempts(Arc<Mutex<Failed>>);

#[derive(Default)]
struct Failed {
    count: u32,
    not_before: Option<Instant>,
}

/// One try.
pub struct Attempt(OwnedMutexGuard<Failed>);

impl Attempts {
    /// Waits until the next try is allowed. The try counts as failed at once, so that hanging up in the middle
    /// does not make it cheaper.
    pub async fn next(&self) -> Attempt {
        let mut failed = self.0.clone().lock_owned().await;
        if let Some(time) = failed.not_before {
            tokio::time::sleep_until(time).await;
        }
        failed.count = failed.count.saturating_add(1);
        failed.not_before = Some(Instant::now() + delay(failed.count));
        Attempt(failed)
    }
}

impl Attempt {
    pub fn succeeded(mut self) {
        *self.0 = Failed::default();
    }
}

fn delay(failed: u32) -> Duration {
    STEP.saturating_mul(failed).min(LONGEST)
}

#[cfg(test)]
mod tests;
