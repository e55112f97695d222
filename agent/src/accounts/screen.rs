//! Identities are put away while the screen is locked or the machine sleeps, if the person wants
//! that. There is no password to seal them with: those that a store has leave memory and come back
//! from there; what is in memory only stays, unseen and unused. A password's lock is another
//! matter, and neither opens the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::lifecycle::Suspended;
use super::owner::Owner;
use crate::desktop::logind::{SessionEvent, SessionFollower};
use crate::notices::{Cause, Notices};

/// Tells the owner what logind says.
#[derive(Clone)]
pub struct Screen {
    owner: Owner,
    notices: Arc<Notices>,
    is_locked: Arc<AtomicBool>,
}

impl Screen {
    pub fn new(owner: Owner, notices: Arc<Notices>) -> Self {
        Self {
            owner,
            notices,
            is_locked: Arc::default(),
        }
    }

    /// logind has said whether the screen is locked, or cannot: the agent starts as if it were.
    pub async fn is_known(&self) {
        let is_locked = self.is_locked.clone();
        // read in its turn: what logind says meanwhile is not undone
        let known = move |before: Suspended| Suspended {
            screen: is_locked.load(Ordering::SeqCst),
            ..before
        };
        self.owner.suspend(known).await;
    }

    /// The configuration does not want that the agent locks: it says no more that it cannot.
    pub fn is_not_wanted(&self) {
        self.notices.clear(&Cause::LockOnNotFollowed);
    }

    /// Brings the identities back, whatever put them away: a person types it.
    pub async fn bring_back(&self) {
        let back = |before| told(before, Suspended::default());
        self.owner.suspend(back).await;
    }
}

impl SessionFollower for Screen {
    async fn handle(&self, event: SessionEvent) {
        match event {
            SessionEvent::ScreenLocked => self.is_locked.store(true, Ordering::SeqCst),
            SessionEvent::ScreenUnlocked => self.is_locked.store(false, Ordering::SeqCst),
            SessionEvent::GoesToSleep | SessionEvent::WokeUp => {}
        }
        let change = move |before| told(before, after(before, event));
        self.owner.suspend(change).await;
    }

    fn follows(&self) {
        self.notices.clear(&Cause::LockOnNotFollowed);
    }

    /// They are not put away, or not any more, although the person wants it.
    fn cannot_follow(&self, why: &str) {
        self.notices.tell(
            Cause::LockOnNotFollowed,
            format!("the agent does not lock with the screen or for sleep (lock_on): {why}"),
        );
    }
}

/// Logs whether the identities were put away or brought back.
fn told(before: Suspended, after: Suspended) -> Suspended {
    match (before.any(), after.any()) {
        (false, true) => tracing::info!("identities put away"),
        (true, false) => tracing::info!("identities brought back"),
        _ => {}
    }
    after
}

fn after(before: Suspended, event: SessionEvent) -> Suspended {
    let mut after = before;
    match event {
        SessionEvent::ScreenLocked => after.screen = true,
        SessionEvent::ScreenUnlocked => after.screen = false,
        SessionEvent::GoesToSleep => after.sleep = true,
        SessionEvent::WokeUp => after.sleep = false,
    }
    after
}

#[cfg(test)]
mod tests;
