//! Identities are put away while the screen is locked or the machine sleeps, if the person wants
//! that. There is no password to seal them with: those that a store has leave memory and come back
//! from there; what is in memory only stays, unseen and unused. A password's lock is another
//! matter, and neither opens the other.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use opkssh_protocol::config::LockOn;

use super::missing::{AWAY, Missing};
use super::store::StoreKind;
use super::{Account, Accounts, State};
use crate::desktop::logind::{SessionEvent, SessionFollower};
use crate::notices::Cause;

/// Why a command is refused.
pub(super) const PUT_AWAY: &str = "the agent is locked with the screen";

/// What is said about the person's screen and machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    ScreenLocked,
    ScreenUnlocked,
    GoesToSleep,
    WokeUp,
    /// By a person who types it.
    BringBack,
}

/// What keeps the identities away.
#[derive(Default)]
pub(super) struct Away(Mutex<Reasons>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Reasons {
    screen: bool,
    sleep: bool,
}

impl Accounts {
    /// Puts the identities away or brings them back; away when this returns, back soon after.
    /// A renewal in flight is finished and only stored.
    pub fn hear(self: &Arc<Self>, word: Word) {
        let mut reasons = self.away.reasons();
        let before = *reasons;
        *reasons = before.after(word);
        match (before.any(), reasons.any()) {
            (false, true) => self.put_away(),
            (true, false) => self.bring_back(),
            _ => {}
        }
    }

    /// What puts them away, by the configuration as it is now; `None`: it cannot be read.
    pub fn lock_on(&self) -> Option<BTreeSet<LockOn>> {
        self.settings.lock_on()
    }

    pub(super) fn is_put_away(&self) -> bool {
        self.held.is_put_away()
    }

    /// A login that ends while all are away goes to the store only. The table is locked.
    pub(super) fn goes_away(&self, account: &Account) -> Option<Missing> {
        let state = account.state();
        let goes = self.is_put_away() && can_leave(&state);
        goes.then(|| Missing::new(state.entry(&account.alias), AWAY.to_owned()))
    }

    /// Those that wait for the store wait for the screen first.
    pub(super) fn say_put_away(&self, alias: &str) {
        for one in self.missing().iter_mut() {
            if one.entry.alias == alias {
                AWAY.clone_into(&mut one.reason);
            }
        }
    }

    fn put_away(&self) {
        // before the table is emptied: nothing comes back in between
        self.held.set_put_away(true);
        let gone = {
            let mut accounts = self.lock();
            self.take_out(&mut accounts, AWAY, can_leave)
        };
        self.publish();
        tracing::info!("{} identities put away", gone.len());
    }

    fn bring_back(self: &Arc<Self>) {
        self.held.set_put_away(false);
        self.publish();
        tracing::info!("identities brought back");
        for one in self.missing().iter_mut() {
            if one.reason == AWAY {
                self.why_not_read().clone_into(&mut one.reason);
            }
        }
        let this = self.clone();
        tokio::spawn(async move {
            *this.restoring.lock().await = None;
            this.restore_missing().await;
        });
    }
}

impl SessionFollower for Arc<Accounts> {
    fn handle(&self, event: SessionEvent) {
        self.held.notices.clear(&Cause::LockOnNotFollowed);
        self.hear(match event {
            SessionEvent::ScreenLocked => Word::ScreenLocked,
            SessionEvent::ScreenUnlocked => Word::ScreenUnlocked,
            SessionEvent::GoesToSleep => Word::GoesToSleep,
            SessionEvent::WokeUp => Word::WokeUp,
        });
    }

    /// They are not put away, or not any more, although the person wants it.
    fn cannot_follow(&self, why: &str) {
        self.held.notices.tell(
            Cause::LockOnNotFollowed,
            format!("the agent does not lock with the screen or for sleep (lock_on): {why}"),
        );
    }
}

impl Away {
    fn reasons(&self) -> MutexGuard<'_, Reasons> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Reasons {
    fn any(self) -> bool {
        self.screen || self.sleep
    }

    fn after(self, word: Word) -> Self {
        match word {
            Word::ScreenLocked => Self {
                screen: true,
                ..self
            },
            Word::ScreenUnlocked => Self {
                screen: false,
                ..self
            },
            Word::GoesToSleep => Self {
                sleep: true,
                ..self
            },
            Word::WokeUp => Self {
                sleep: false,
                ..self
            },
            Word::BringBack => Self::default(),
        }
    }
}

/// What no store has, or not its newest state, would be lost.
fn can_leave(state: &State) -> bool {
    state.store != StoreKind::Memory && state.store_error.is_none()
}

#[cfg(test)]
mod tests {
    use super::Word::*;
    use super::*;

    fn away_after(words: &[Word]) -> bool {
        let reasons = words
            .iter()
            .fold(Reasons::default(), |reasons, word| reasons.after(*word));
        reasons.any()
    }

    #[test]
    fn they_are_away_for_as_long_as_there_is_a_reason() {
        for (words, away) in [
            (&[][..], false),
            (&[ScreenLocked], true),
            (&[ScreenLocked, ScreenLocked, ScreenUnlocked], false),
            (&[ScreenUnlocked], false),
            (&[GoesToSleep], true),
            (&[GoesToSleep, WokeUp], false),
            (&[WokeUp, GoesToSleep], true),
            // locked before or while it sleeps: the screen decides
            (&[ScreenLocked, GoesToSleep, WokeUp], true),
            (&[GoesToSleep, ScreenLocked, WokeUp], true),
            (&[ScreenLocked, GoesToSleep, WokeUp, ScreenUnlocked], false),
            // unlocked in the last moment: it sleeps
            (&[ScreenLocked, GoesToSleep, ScreenUnlocked], true),
            (&[ScreenLocked, GoesToSleep, BringBack], false),
            (&[ScreenLocked, BringBack, ScreenUnlocked], false),
            (&[ScreenLocked, BringBack, ScreenLocked], true),
        ] {
            assert_eq!(away_after(words), away, "{words:?}");
        }
    }
}
