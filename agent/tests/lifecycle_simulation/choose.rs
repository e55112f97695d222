//! The next move of a random schedule.

use opkssh_agent::lifecycle::{Action, Step, wake};

use crate::model::{Name, Random};
use crate::store::{Mode, StoreEnd};
use crate::world::{End, Fault, Move, User, World};

pub struct Chooser {
    pub names: usize,
    pub fault_percent: usize,
    pub theme: Theme,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    Anything,
    /// Mostly locks, unlocks and power losses.
    Locks,
}

impl Chooser {
    /// Chooses among starts, ends, time, users and faults. There are `actions` to start.
    pub fn choose(&self, world: &World, actions: usize, random: &mut Random) -> Move {
        if random.percent(self.fault_percent) {
            return self.fault(random);
        }
        match random.below(100) {
            0..40 if actions > 0 => Move::Start(random.below(actions)),
            0..72 if !world.running.is_empty() => {
                let place = random.below(world.running.len());
                Move::End(place, self.end(world, place, random))
            }
            0..72 if actions > 0 => Move::Start(random.below(actions)),
            72..77 if !world.provider.requests.is_empty() => {
                Move::Acts(random.below(world.provider.requests.len()))
            }
            77..79 if world.store.late.is_some() => Move::Late(random.percent(50)),
            0..90 if world.facts.accounts.is_empty() => self.log_in(random),
            0..90 => Move::Wait(seconds(world, random)),
            _ => self.user(world, random),
        }
    }

    fn end(&self, world: &World, place: usize, random: &mut Random) -> End {
        if !random.percent(3 * self.fault_percent) {
            return End::Works;
        }
        match &world.running[place] {
            Action::Account(_, Step::Refresh { .. }) if random.percent(70) => End::NoAnswer,
            Action::Account(_, step) if step.uses_store() => End::Store(match random.below(5) {
                0 => StoreEnd::ItemFails,
                1 => StoreEnd::IsLocked,
                2 => StoreEnd::IsUnavailable,
                3 => StoreEnd::HangsDone,
                _ => StoreEnd::HangsLate,
            }),
            _ => End::Fails,
        }
    }

    fn name(&self, random: &mut Random) -> Name {
        random.below(self.names)
    }

    fn fault(&self, random: &mut Random) -> Move {
        let bits = u32::try_from(random.number() >> 32).unwrap_or(0);
        if self.theme == Theme::Locks && random.percent(60) {
            return Move::Fault(Fault::PowerLoss(bits));
        }
        Move::Fault(match random.below(20) {
            0..6 => Fault::Kill(bits),
            6..9 => Fault::PowerLoss(bits),
            9 | 10 => Fault::OtherKeyring,
            11 => Fault::CopyKeyring,
            12 => Fault::DamagedItem(self.name(random)),
            13 => Fault::FailingItem(self.name(random)),
            14 => Fault::ProviderRefuses(random.percent(50)),
            15 => return Move::Wait(-[5, 100, 5000][random.below(3)]),
            16 => Fault::Store(Mode::Locked),
            17 => Fault::Store(Mode::Unavailable),
            18 => Fault::Store(Mode::Hanging),
            _ => Fault::Store(Mode::Working),
        })
    }

    fn log_in(&self, random: &mut Random) -> Move {
        let name = self.name(random);
        Move::User(User::LogIn {
            name,
            person: name + usize::from(random.percent(10)),
            has_store: name < 2 || random.percent(20),
            rotates: random.percent(80),
        })
    }

    fn user(&self, world: &World, random: &mut Random) -> Move {
        let locked = world.known.locked;
        let away = world.known.suspended.any();
        let lock = if locked { User::Unlock } else { User::Lock };
        if self.theme == Theme::Locks && random.percent(70) {
            return Move::User(lock);
        }
        let user = match random.below(24) {
            0..4 => return self.log_in(random),
            4..6 if random.percent(20) => User::GiveUp(self.name(random)),
            4..6 => User::LogOut(self.name(random)),
            6..10 => User::Want(self.name(random)),
            10..12 => lock,
            12..14 if away => User::Suspend(false, random.percent(10)),
            12..14 => User::Suspend(true, random.percent(50)),
            14 => User::DropMemory,
            15..18 => User::Control,
            18 => User::UnlockStore,
            19 if random.percent(50) => User::End,
            19..21 if away => User::Suspend(false, false),
            19..21 if locked => User::Unlock,
            21 => User::Configure(random.below(3) as u8),
            22 if random.percent(50) => User::Prefer(self.name(random)),
            23 => User::GiveStore,
            _ => return Move::Fault(Fault::Store(Mode::Working)),
        };
        Move::User(user)
    }
}

/// Mostly to the time at which the agent wants to look again.
fn seconds(world: &World, random: &mut Random) -> i64 {
    let wake = wake(&world.facts, world.time());
    let to_wake = wake.map_or(60, |wake| wake.since(world.time()));
    match random.below(10) {
        0..6 => to_wake,
        6 => 1,
        7 => 40,
        8 => 700,
        _ => 7,
    }
}
