//! Whose question is shown next. Questions of other machines do not keep this machine's from being
//! asked: at most one of them waits for the screen.

use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};

/// Questions that wait, the one that is shown included; and those of other machines.
const MAX_QUESTIONS: usize = 8;
const MAX_FORWARDED: usize = 4;

pub struct Turns {
    places: Semaphore,
    forwarded_places: Semaphore,
    /// Held by the one question of another machine that is shown, or is next.
    forwarded: Mutex<()>,
    /// Held while a question is shown.
    showing: Mutex<()>,
}

/// The right to show a question, until it is dropped.
pub struct Turn<'a> {
    _showing: MutexGuard<'a, ()>,
    _forwarded: Option<MutexGuard<'a, ()>>,
    _place: SemaphorePermit<'a>,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            places: Semaphore::new(MAX_QUESTIONS),
            forwarded_places: Semaphore::new(MAX_FORWARDED),
            forwarded: Mutex::default(),
            showing: Mutex::default(),
        }
    }
}

impl Turns {
    /// Waits for the turn; `None` if too many wait already.
    pub async fn take(&self, is_forwarded: bool) -> Option<Turn<'_>> {
        let places = match is_forwarded {
            true => &self.forwarded_places,
            false => &self.places,
        };
        let place = places.try_acquire().ok()?;
        let forwarded = match is_forwarded {
            true => Some(self.forwarded.lock().await),
            false => None,
        };
        Some(Turn {
            _showing: self.showing.lock().await,
            _forwarded: forwarded,
            _place: place,
        })
    }
}
