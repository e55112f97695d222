//! Counts what schedules did: each kind of fault, and each kind of move in each state.

use std::collections::{BTreeMap, BTreeSet};

use opkssh_agent::lifecycle::{Action, Leaving, Lock, Memory, Step};

use crate::model::Model;
use crate::provider::Reply;
use crate::store::StoreEnd;
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

/// What the first account's memory has, or `l`: it leaves.
type State = (&'static str, char);

const LOCKS: [&str; 4] = ["open", "locking", "locked", "opening"];
const MEMORIES: [char; 4] = ['n', 'f', 's', 'l'];

#[derive(Default)]
pub struct Coverage {
    pub moves: u64,
    pub schedules: u64,
    pub faults: BTreeMap<&'static str, u64>,
    states: BTreeMap<(&'static str, State), u64>,
}

impl Coverage {
    pub fn add(&mut self, other: Self) {
        self.moves += other.moves;
        self.schedules += other.schedules;
        for (fault, count) in other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
        for (state, count) in other.states {
            *self.states.entry(state).or_default() += count;
        }
    }

    /// Counts a move that is about to be made.
    pub fn note(&mut self, world: &World, step: Move) {
        if let Some(fault) = fault(world, step) {
            *self.faults.entry(fault).or_default() += 1;
        }
        if let Some(kind) = kind(world, step) {
            let memory = match world.facts.accounts.first() {
                Some(account) if account.leaving != Leaving::No => 'l',
                Some(account) => match account.memory {
                    Memory::Nothing => 'n',
                    Memory::Full(_) => 'f',
                    Memory::Sealed { .. } => 's',
                },
                None => 'n',
            };
            let state = (lock_words(&world.facts.agent.lock), memory);
            *self.states.entry((kind, state)).or_default() += 1;
        }
    }

    pub fn table(&self) -> String {
        use std::fmt::Write as _;
        let states = LOCKS
            .into_iter()
            .flat_map(|lock| MEMORIES.map(|memory| (lock, memory)));
        let states: Vec<State> = states.collect();
        let mut table = format!(
            "{} schedules, {} moves. Each kind of move, by the lock and by the first account's\n\
             memory: nothing, full, sealed, or leaving.\n\n{:<15}",
            self.schedules, self.moves, ""
        );
        for (lock, memory) in &states {
            let _ = write!(table, "{:>9}", format!("{:.6}:{memory}", lock));
        }
        let kinds: BTreeSet<&str> = self.states.keys().map(|(kind, _)| *kind).collect();
        for kind in kinds {
            let _ = write!(table, "\n{kind:<15}");
            for state in &states {
                let count = self.states.get(&(kind, *state)).copied().unwrap_or(0);
                let _ = write!(table, "{count:>9}");
            }
        }
        table.push_str("\n\n");
        for (name, count) in &self.faults {
            let _ = writeln!(table, "{count:>9} {name}");
        }
        table
    }
}

fn kind(world: &World, step: Move) -> Option<&'static str> {
    Some(match step {
        Move::Start(_) => "start",
        Move::End(place, _) => match world.running.get(place)? {
            Action::WriteSealFile { .. } | Action::RemoveSealFile => "seal file",
            Action::Account(_, step) => match step {
                Step::WriteIndex(_) => "index written",
                Step::Load { .. } => "loaded",
                Step::LoadAndSeal { .. } => "load+seal",
                Step::Save { .. } => "saved",
                Step::SaveSealed { .. } => "saved sealed",
                Step::Delete { .. } => "deleted",
                Step::Seal { .. } => "sealed",
                Step::Unseal { .. } => "unsealed",
                Step::Refresh { .. } => "asked",
                Step::Verify { .. } => "verified",
                Step::Revoke { .. } => "revoked",
            },
        },
        Move::Acts(_) => "provider acts",
        Move::Late(_) => "late write",
        Move::Wait(_) => "time",
        Move::User(user) => match user {
            User::LogIn { .. } => "login",
            User::LogOut(_) | User::GiveUp(_) => "logout",
            User::Prefer(_) => "default chosen",
            User::Want(_) => "wanted",
            User::Lock => "lock",
            User::Unlock => "unlock",
            User::Suspend(..) => "suspend",
            User::DropMemory => "drop memory",
            User::Control => "control",
            User::UnlockStore => "store unlocked",
            User::GiveStore => "store given",
            User::Configure(_) => "settings",
            User::End => "ending",
        },
        Move::Fault(Fault::Kill(_) | Fault::PowerLoss(_)) => "restart",
        Move::Fault(_) => return None,
    })
}

/// Returns the kind of fault that a move is.
pub fn fault(world: &World, step: Move) -> Option<&'static str> {
    match step {
        Move::End(place, end) => end_fault(world, world.running.get(place)?, end),
        Move::Late(done) if world.store.late.is_some() => Some(if done {
            "late write done"
        } else {
            "late write lost"
        }),
        Move::Acts(place) => {
            let request = world.provider.requests.get(place)?;
            (request.orphan_until.is_some() && request.reply.is_none())
                .then_some("refresh: orphan acts")
        }
        Move::Wait(seconds) if seconds < 0 => Some("clock set back"),
        Move::Fault(fault) => match fault {
            Fault::Kill(_) if world.running.is_empty() => Some("kill, nothing in flight done"),
            Fault::Kill(_) => Some("kill, something in flight"),
            Fault::PowerLoss(_) => Some("power loss"),
            Fault::OtherKeyring => Some("another keyring"),
            Fault::CopyKeyring => Some("keyring copied"),
            Fault::DamagedItem(_) => Some("item damaged"),
            Fault::FailingItem(_) => Some("item fails from now on"),
            Fault::ProviderRefuses(true) => Some("provider refuses from now on"),
            Fault::ProviderRefuses(false) | Fault::Store(_) => None,
        },
        _ => None,
    }
}

fn end_fault(world: &World, action: &Action<Model>, end: End) -> Option<&'static str> {
    let works = end == End::Works;
    let Action::Account(name, step) = action else {
        return (!works).then_some("file write fails");
    };
    if step.uses_store() {
        return match world.store_end(*name, end) {
            StoreEnd::Works => None,
            StoreEnd::ItemFails => Some("store: item fails"),
            StoreEnd::IsLocked => Some("store: locked"),
            StoreEnd::IsUnavailable => Some("store: unavailable"),
            StoreEnd::HangsDone => Some("store: hangs, done"),
            StoreEnd::HangsLate => Some("store: hangs, late"),
        };
    }
    match step {
        Step::WriteIndex(_) => (!works).then_some("file write fails"),
        Step::Seal { .. } => (!works).then_some("sealing fails"),
        Step::Verify { .. } => (!works).then_some("answer does not verify"),
        Step::Revoke { .. } => (!works).then_some("revocation fails"),
        Step::Refresh { token, .. } => {
            let mut requests = world.provider.requests.iter();
            let request = requests.find(|one| one.name == *name && one.orphan_until.is_none())?;
            let is_live = world.provider.state(*token).validity == crate::provider::Validity::Live;
            match (end, request.reply) {
                (End::Works, Some(Reply::InvalidGrant)) => Some("refresh: invalid grant"),
                (End::Works, Some(Reply::Refused)) => Some("refresh refused"),
                (End::Works, None) if world.provider.refuses => Some("refresh refused"),
                (End::Works, None) if !is_live => Some("refresh: invalid grant"),
                (End::Works, _) => None,
                (End::Fails, None) => Some("refresh not sent"),
                (_, None) => Some("refresh: outlives its sender"),
                (_, Some(_)) => Some("refresh: answer lost"),
            }
        }
        _ => None,
    }
}

pub fn lock_words(lock: &Lock<Model>) -> &'static str {
    match lock {
        Lock::Open => "open",
        Lock::Locking { .. } => "locking",
        Lock::Locked(_) => "locked",
        Lock::Opening(_) => "opening",
    }
}
