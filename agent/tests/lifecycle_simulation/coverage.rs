//! Counts what schedules did: each kind of fault, and each kind of move in each state.

use opkssh_agent::lifecycle::{Action, Leaving, Lock, Memory, Step};

use crate::provider::Reply;
use crate::store::{Mode, StoreEnd};
use crate::world::{End, Fault, Move, User, World};

pub const FAULTS: [&str; 26] = [
    "file write fails",
    "store: item fails",
    "store: locked",
    "store: unavailable",
    "store: hangs, done",
    "store: hangs, late",
    "late write done",
    "late write lost",
    "refresh not sent",
    "refresh: answer lost",
    "refresh: outlives its sender",
    "refresh: orphan acts",
    "refresh refused",
    "refresh: invalid grant",
    "answer does not verify",
    "revocation fails",
    "sealing fails",
    "kill, nothing in flight done",
    "kill, something in flight",
    "power loss",
    "another keyring",
    "keyring copied",
    "item damaged",
    "item fails from now on",
    "clock set back",
    "provider refuses from now on",
];

const MOVES: [&str; 28] = [
    "start",
    "index written",
    "loaded",
    "load+seal",
    "saved",
    "saved sealed",
    "deleted",
    "sealed",
    "unsealed",
    "asked",
    "verified",
    "revoked",
    "seal file",
    "provider acts",
    "late write",
    "time",
    "login",
    "logout",
    "wanted",
    "lock",
    "unlock",
    "suspend",
    "drop memory",
    "control",
    "store unlocked",
    "settings",
    "ending",
    "restart",
];

const STATES: usize = 16;

#[derive(Default)]
pub struct Coverage {
    pub moves: u64,
    pub schedules: u64,
    pub faults: [u64; FAULTS.len()],
    states: [[u64; STATES]; MOVES.len()],
}

impl Coverage {
    pub fn add(&mut self, other: &Self) {
        self.moves += other.moves;
        self.schedules += other.schedules;
        for (sum, count) in self.faults.iter_mut().zip(other.faults) {
            *sum += count;
        }
        for (sums, counts) in self.states.iter_mut().zip(other.states) {
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
    }

    /// Counts a move that is about to be made.
    pub fn note(&mut self, world: &World, step: Move) {
        if let Some(fault) = fault(world, step) {
            self.faults[fault] += 1;
        }
        if let Some(kind) = kind(world, step) {
            let lock = match world.facts.agent.lock {
                Lock::Open => 0,
                Lock::Locking { .. } => 1,
                Lock::Locked(_) => 2,
                Lock::Opening(_) => 3,
            };
            let account = match world.facts.accounts.first() {
                Some(account) if account.leaving != Leaving::No => 3,
                Some(account) => match account.memory {
                    Memory::Nothing => 0,
                    Memory::Full(_) => 1,
                    Memory::Sealed { .. } => 2,
                },
                None => 0,
            };
            self.states[kind][lock * 4 + account] += 1;
        }
    }

    pub fn table(&self) -> String {
        use std::fmt::Write as _;
        let mut table = String::new();
        let _ = writeln!(
            table,
            "{} schedules, {} moves. Each kind of move, by the lock and by the first account's\n\
             memory: nothing, full, sealed, or leaving.\n",
            self.schedules, self.moves
        );
        let _ = write!(table, "{:<15}", "");
        for lock in ["open", "locking", "locked", "opening"] {
            for memory in ["n", "f", "s", "l"] {
                let _ = write!(
                    table,
                    "{:>9}",
                    format!("{}:{memory}", &lock[..lock.len().min(6)])
                );
            }
        }
        table.push('\n');
        for (name, counts) in MOVES.iter().zip(self.states) {
            let _ = write!(table, "{name:<15}");
            for count in counts {
                let _ = write!(table, "{count:>9}");
            }
            table.push('\n');
        }
        table.push('\n');
        for (name, count) in FAULTS.iter().zip(self.faults) {
            let _ = writeln!(table, "{count:>9} {name}");
        }
        table
    }
}

fn kind(world: &World, step: Move) -> Option<usize> {
    Some(match step {
        Move::Start(_) => 0,
        Move::End(place, _) => match world.running.get(place)? {
            Action::WriteSealFile { .. } | Action::RemoveSealFile => 12,
            Action::Account(_, step) => match step {
                Step::WriteIndex(_) => 1,
                Step::Load { .. } => 2,
                Step::LoadAndSeal { .. } => 3,
                Step::Save { .. } => 4,
                Step::SaveSealed { .. } => 5,
                Step::Delete { .. } => 6,
                Step::Seal { .. } => 7,
                Step::Unseal { .. } => 8,
                Step::Ask { .. } => 9,
                Step::Verify { .. } => 10,
                Step::Revoke { .. } => 11,
            },
        },
        Move::Acts(_) => 13,
        Move::Late(_) => 14,
        Move::Wait(_) => 15,
        Move::User(user) => match user {
            User::LogIn { .. } => 16,
            User::LogOut(_) | User::GiveUp(_) => 17,
            User::Want(_) => 18,
            User::Lock => 19,
            User::Unlock => 20,
            User::Suspend(..) => 21,
            User::DropMemory => 22,
            User::Control => 23,
            User::UnlockStore => 24,
            User::Configure(_) => 25,
            User::End => 26,
        },
        Move::Fault(Fault::Kill(_) | Fault::PowerLoss(_)) => 27,
        Move::Fault(_) => return None,
    })
}

/// Returns the kind of fault that a move is.
pub fn fault(world: &World, step: Move) -> Option<usize> {
    match step {
        Move::End(place, end) => end_fault(world, world.running.get(place)?, end),
        Move::Late(done) if world.store.late.is_some() => Some(if done { 6 } else { 7 }),
        Move::Acts(place) => {
            let request = world.provider.requests.get(place)?;
            (request.orphan_until.is_some() && request.reply.is_none()).then_some(11)
        }
        Move::Wait(seconds) if seconds < 0 => Some(24),
        Move::Fault(fault) => match fault {
            Fault::Kill(_) if world.running.is_empty() => Some(17),
            Fault::Kill(_) => Some(18),
            Fault::PowerLoss(_) => Some(19),
            Fault::OtherKeyring => Some(20),
            Fault::CopyKeyring => Some(21),
            Fault::DamagedItem(_) => Some(22),
            Fault::FailingItem(_) => Some(23),
            Fault::ProviderRefuses(true) => Some(25),
            Fault::ProviderRefuses(false) | Fault::Store(_) => None,
        },
        _ => None,
    }
}

fn end_fault(world: &World, action: &Action<crate::model::Model>, end: End) -> Option<usize> {
    let works = end == End::Works;
    let Action::Account(name, step) = action else {
        return (!works).then_some(0);
    };
    if step.uses_store() {
        let failing = world.store.failing[usize::from(*name)];
        let end = match (end, world.store.mode) {
            (End::Store(end), _) => end,
            (_, Mode::Working) if failing => StoreEnd::ItemFails,
            (_, Mode::Working) => StoreEnd::Works,
            (_, Mode::Locked) => StoreEnd::IsLocked,
            (_, Mode::Unavailable) => StoreEnd::IsUnavailable,
            (_, Mode::Hanging) => StoreEnd::HangsLate,
        };
        return match end {
            StoreEnd::Works => None,
            StoreEnd::ItemFails => Some(1),
            StoreEnd::IsLocked => Some(2),
            StoreEnd::IsUnavailable => Some(3),
            StoreEnd::HangsDone => Some(4),
            StoreEnd::HangsLate => Some(5),
        };
    }
    match step {
        Step::WriteIndex(_) => (!works).then_some(0),
        Step::Seal { .. } => (!works).then_some(16),
        Step::Verify { .. } => (!works).then_some(14),
        Step::Revoke { .. } => (!works).then_some(15),
        Step::Ask { token, .. } => {
            let mut requests = world.provider.requests.iter();
            let request = requests.find(|one| one.name == *name && one.orphan_until.is_none())?;
            let is_live = world.provider.state(*token).validity == crate::provider::Validity::Live;
            match (end, request.reply) {
                (End::Works, Some(Reply::InvalidGrant)) => Some(13),
                (End::Works, Some(Reply::Refused)) => Some(12),
                (End::Works, None) if world.provider.refuses => Some(12),
                (End::Works, None) if !is_live => Some(13),
                (End::Works, _) => None,
                (End::Fails, None) => Some(8),
                (_, None) => Some(10),
                (_, Some(_)) => Some(9),
            }
        }
        _ => None,
    }
}
