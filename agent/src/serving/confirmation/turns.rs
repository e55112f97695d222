//! Orders questions: one is shown at a time. Questions of other machines do not keep this machine's
//! from being asked, nor one machine's another's: at most one of each machine, and one of all
//! machines, waits for the screen.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

/// Questions of one machine that wait, the one that is shown included.
const MAX_QUESTIONS: usize = 4;
/// Limit on machines that have waiting questions.
const MAX_MACHINES: usize = 8;

/// Who asks: `None` is this machine, `Some(None)` another one that is not known.
type Machine = Option<Option<String>>;
type Lane = Arc<tokio::sync::Mutex<()>>;

#[derive(Default)]
pub struct Turns {
    /// The questions of each machine, and how many there are.
    machines: Mutex<HashMap<Machine, (Lane, usize)>>,
    /// Held by the one question of another machine that is shown, or is next.
    forwarded: Lane,
    /// Held while a question is shown.
    showing: Lane,
}

/// The right to show a question, until it is dropped.
pub struct Turn<'a> {
    _lanes: Vec<OwnedMutexGuard<()>>,
    _place: Place<'a>,
}

struct Place<'a> {
    turns: &'a Turns,
    machine: Machine,
}

impl Turns {
    /// Waits for the turn; `None` if too many wait already.
    pub async fn take(&self, machine: Machine) -> Option<Turn<'_>> {
        let is_forwarded = machine.is_some();
        let (own, place) = self.enter(machine)?;
        let mut lanes = vec![own.lock_owned().await];
        if is_forwarded {
            lanes.push(self.forwarded.clone().lock_owned().await);
        }
        lanes.push(self.showing.clone().lock_owned().await);
        Some(Turn {
            _lanes: lanes,
            _place: place,
        })
    }

    fn enter(&self, machine: Machine) -> Option<(Lane, Place<'_>)> {
        let mut machines = self.machines.lock();
        let is_full = machines.len() >= MAX_MACHINES && machine.is_some();
        if is_full && !machines.contains_key(&machine) {
            return None;
        }
        let (lane, count) = machines.entry(machine.clone()).or_default();
        if *count == MAX_QUESTIONS {
            return None;
        }
        *count += 1;
        let turns = self;
        Some((lane.clone(), Place { turns, machine }))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut machines = self.turns.machines.lock();
        if let Some((_, count)) = machines.get_mut(&self.machine) {
            *count -= 1;
            if *count == 0 {
                machines.remove(&self.machine);
            }
        }
    }
}
