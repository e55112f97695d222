//! Small worlds, exhaustively and breadth first: one account, few users' moves and faults, in every
//! order. Schedules by seeds seldom meet what `seal.json` and the intent are for.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use opkssh_agent::lifecycle::{Action, Step, wake};

use crate::model::{Broken, Random};
use crate::mutants::Mutant;
use crate::schedule::{calm, describe};
use crate::store::StoreEnd;
use crate::world::{End, Fault, Move, User, World};

/// What may happen in a small world, and how often.
pub struct SmallWorld {
    pub name: &'static str,
    pub users: &'static [User],
    pub faults: &'static [SmallFault],
    pub user_moves: u8,
    pub fault_moves: u8,
    pub waits: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SmallFault {
    Kill,
    PowerLoss,
    /// An action fails, or ends unclear.
    Ends,
    OtherKeyring,
}

const LOG_IN: User = User::LogIn {
    name: 0,
    person: 0,
    has_store: true,
    rotates: true,
};

const LOG_IN_TO_MEMORY: User = User::LogIn {
    name: 1,
    person: 1,
    has_store: false,
    rotates: true,
};

pub const SMALL_WORLDS: &[SmallWorld] = &[
    SmallWorld {
        name: "lock and kill",
        users: &[User::Lock, User::Unlock],
        faults: &[SmallFault::Kill],
        user_moves: 3,
        fault_moves: 2,
        waits: 0,
    },
    SmallWorld {
        name: "logout, login and kill",
        users: &[User::LogOut(0), LOG_IN],
        faults: &[SmallFault::Kill, SmallFault::Ends],
        user_moves: 3,
        fault_moves: 1,
        waits: 0,
    },
    SmallWorld {
        name: "power loss and lock",
        users: &[User::Lock, User::Unlock],
        faults: &[SmallFault::PowerLoss],
        user_moves: 3,
        fault_moves: 1,
        waits: 2,
    },
    SmallWorld {
        name: "refresh, suspend and kill",
        users: &[User::Suspend(true, false), User::Suspend(false, false)],
        faults: &[SmallFault::Kill, SmallFault::Ends],
        user_moves: 2,
        fault_moves: 2,
        waits: 2,
    },
    SmallWorld {
        name: "memory only, refresh and a store",
        users: &[LOG_IN_TO_MEMORY, User::GiveStore],
        faults: &[SmallFault::Kill, SmallFault::Ends],
        user_moves: 2,
        fault_moves: 1,
        waits: 1,
    },
    SmallWorld {
        name: "lock and another keyring",
        users: &[User::Lock, User::Unlock],
        faults: &[SmallFault::OtherKeyring, SmallFault::Kill],
        user_moves: 2,
        fault_moves: 2,
        waits: 1,
    },
];

#[derive(Clone, Copy, Hash)]
struct Budget {
    user_moves: u8,
    fault_moves: u8,
    waits: u8,
}

/// What an exhaustive search found.
pub struct Searched {
    pub states: usize,
    pub moves: usize,
    pub calmed: usize,
}

/// A schedule that broke an invariant, as a table of its moves.
pub struct Found {
    pub broken: Broken,
    pub table: String,
}

impl SmallWorld {
    /// Visits every state that can be reached.
    pub fn search(&self, mutant: Option<Mutant>) -> Result<Searched, Found> {
        let mut paths: Vec<(usize, Move)> = Vec::new();
        let mut moves_made = 0;
        let mut calmed = 0;
        let start = settled_world(mutant);
        let budget = Budget {
            user_moves: self.user_moves,
            fault_moves: self.fault_moves,
            waits: self.waits,
        };
        let mut seen = HashSet::from([fingerprint(&start, budget)]);
        let mut queue = VecDeque::from([(start, budget, usize::MAX)]);
        while let Some((world, budget, path)) = queue.pop_front() {
            let found = |broken, paths: &[(usize, Move)], last: Option<Move>| Found {
                broken,
                table: table(mutant, paths, path, last),
            };
            let actions = world.next();
            if let Err(broken) = world.check_progress(&actions) {
                return Err(found(broken, &paths, None));
            }
            let is_quiet = actions.is_empty() && world.running.is_empty();
            if is_quiet && paths.len().is_multiple_of(8) {
                calmed += 1;
                let mut random = Random(u64::try_from(paths.len()).unwrap_or(0));
                let mut step = |world: &mut World, step| world.step(step, None);
                if let Err(broken) = calm(&mut world.clone(), &mut random, &mut step) {
                    return Err(found(broken, &paths, None));
                }
            }
            for (step, left) in self.moves(&world, &actions, budget) {
                let mut after = world.clone();
                moves_made += 1;
                if let Err(broken) = after.step(step, Some(actions.clone())) {
                    return Err(found(broken, &paths, Some(step)));
                }
                after.known.starts = 0;
                if seen.insert(fingerprint(&after, left)) {
                    paths.push((path, step));
                    queue.push_back((after, left, paths.len() - 1));
                }
            }
        }
        Ok(Searched {
            states: seen.len(),
            moves: moves_made,
            calmed,
        })
    }

    fn moves(
        &self,
        world: &World,
        actions: &[Action<crate::model::Model>],
        budget: Budget,
    ) -> Vec<(Move, Budget)> {
        let mut moves: Vec<(Move, Budget)> = Vec::new();
        moves.extend((0..actions.len()).map(|place| (Move::Start(place), budget)));
        for place in 0..world.running.len() {
            moves.push((Move::End(place, End::Works), budget));
        }
        for place in 0..world.provider.requests.len() {
            if world.provider.requests[place].reply.is_none() {
                moves.push((Move::Acts(place), budget));
            }
        }
        if world.store.late.is_some() {
            moves.push((Move::Late(true), budget));
        }
        if budget.user_moves > 0 {
            let left = Budget {
                user_moves: budget.user_moves - 1,
                ..budget
            };
            moves.extend(self.users.iter().map(|user| (Move::User(*user), left)));
        }
        if budget.waits > 0 {
            let left = Budget {
                waits: budget.waits - 1,
                ..budget
            };
            let wake = wake(&world.facts, world.time());
            let seconds = wake.map_or(60, |wake| wake.since(world.time()));
            moves.push((Move::Wait(seconds), left));
        }
        if budget.fault_moves > 0 {
            let left = Budget {
                fault_moves: budget.fault_moves - 1,
                ..budget
            };
            let faults = self.faults.iter().flat_map(|fault| fault.moves(world));
            moves.extend(faults.map(|fault| (fault, left)));
        }
        moves
    }
}

impl SmallFault {
    fn moves(self, world: &World) -> Vec<Move> {
        let running = world.running.len();
        let kills = 0..1_u32 << running;
        match self {
            Self::Kill => kills.map(|done| Move::Fault(Fault::Kill(done))).collect(),
            Self::PowerLoss => kills
                .flat_map(|done| [done, done | 1 << 16])
                .map(|done| Move::Fault(Fault::PowerLoss(done)))
                .collect(),
            Self::OtherKeyring => vec![Move::Fault(Fault::OtherKeyring)],
            Self::Ends => (0..running)
                .flat_map(|place| match &world.running[place] {
                    Action::Account(_, Step::Refresh { .. }) => {
                        vec![
                            Move::End(place, End::Fails),
                            Move::End(place, End::NoAnswer),
                        ]
                    }
                    Action::Account(_, step) if step.uses_store() => [
                        StoreEnd::ItemFails,
                        StoreEnd::IsUnavailable,
                        StoreEnd::HangsDone,
                        StoreEnd::HangsLate,
                    ]
                    .map(|end| Move::End(place, End::Store(end)))
                    .to_vec(),
                    _ => vec![Move::End(place, End::Fails)],
                })
                .collect(),
        }
    }
}

/// A world with one account that is saved.
fn settled_world(mutant: Option<Mutant>) -> World {
    let mut world = World::new(false, None, mutant);
    // a mistake may show this early, which is found by what follows
    let _ = world.step(Move::User(LOG_IN), None);
    for _ in 0..40 {
        let _ = match world.running.is_empty() {
            true => world.step(Move::Start(0), None),
            false => world.step(Move::End(0, End::Works), None),
        };
    }
    let _ = world.step(Move::Wait(30), None);
    world.known.starts = 0;
    world
}

fn fingerprint(world: &World, budget: Budget) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    budget.hash(&mut hasher);
    hasher.finish()
}

fn table(
    mutant: Option<Mutant>,
    paths: &[(usize, Move)],
    end: usize,
    last: Option<Move>,
) -> String {
    let mut moves: Vec<Move> = last.into_iter().collect();
    let mut place = end;
    while let Some((before, step)) = paths.get(place) {
        moves.push(*step);
        place = *before;
    }
    let mut world = settled_world(mutant);
    let mut table = String::new();
    for (number, step) in moves.iter().rev().enumerate() {
        describe(&mut table, number + 1, &world, *step);
        let _ = world.step(*step, None);
    }
    table
}
