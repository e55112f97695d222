//! Random schedules: from a seed, a world and its moves.

use std::fmt::Write as _;

use opkssh_agent::lifecycle::{Action, Memory, Step, wake};

use crate::choose::{Chooser, Theme};
use crate::coverage::{Coverage, lock_words};
use crate::model::{Broken, Model, Name, Random};
use crate::mutants::Mutant;
use crate::store::{Mode, StoreEnd};
use crate::world::{End, Fault, Move, User, World};

/// Moves of a schedule, at least.
pub const MOVES: usize = 60;

/// What `next` gives now, where it is at hand.
type Actions = Option<Vec<Action<Model>>>;

/// A schedule that broke an invariant, with the moves that led there.
pub struct Failure {
    pub seed: u64,
    pub broken: Broken,
    pub moves: usize,
}

/// Runs the schedule of one seed. `table` gets a line for each move.
pub fn run(
    seed: u64,
    mutant: Option<Mutant>,
    coverage: &mut Coverage,
    mut table: Option<&mut String>,
) -> Result<(), Failure> {
    let mut moves = 0;
    let mut go = |world: &mut World, step: Move, actions: Actions| {
        moves += 1;
        coverage.note(world, step);
        if let Some(table) = table.as_deref_mut() {
            describe(table, moves, world, step);
        }
        world.step(step, actions)
    };
    let result = schedule(&mut Random(seed), mutant, &mut go);
    coverage.moves += moves as u64;
    result.map_err(|broken| Failure {
        seed,
        broken,
        moves,
    })
}

fn schedule(
    random: &mut Random,
    mutant: Option<Mutant>,
    go: &mut impl FnMut(&mut World, Move, Actions) -> Result<(), Broken>,
) -> Result<(), Broken> {
    let lock_on = random.percent(10);
    let lifetime = random.percent(15).then_some(2000);
    let mut world = World::new(lock_on, lifetime, mutant);
    // some schedules are about locking alone: what seal.json is for takes many moves in one order
    let theme = match random.below(4) {
        0 => Theme::Locks,
        _ => Theme::Anything,
    };
    let fault_percent = [2, 5, 10][random.below(3)];
    let names = if random.percent(70) { 2 } else { 3 };
    let chooser = Chooser {
        names,
        fault_percent,
        theme,
    };
    for _ in 0..MOVES + random.below(16) {
        let actions = world.next();
        world.check_progress(&actions)?;
        let step = chooser.choose(&world, actions.len(), random);
        go(&mut world, step, Some(actions))?;
    }
    match random.percent(25) {
        true => calm(&mut world, random, &mut |world, step| go(world, step, None)),
        false => Ok(()),
    }
}

/// Ends all faults, undoes what hides, and lets the agent finish: liveness. Some worlds stay
/// locked, and in some the calls for one item go on hanging.
pub fn calm(
    world: &mut World,
    random: &mut Random,
    step: &mut impl FnMut(&mut World, Move) -> Result<(), Broken>,
) -> Result<(), Broken> {
    let hangs = random.percent(20).then_some(0);
    let stays_locked = random.percent(50);
    step(world, Move::Late(true))?;
    step(world, Move::Fault(Fault::Store(Mode::Working)))?;
    step(world, Move::Fault(Fault::ProviderRefuses(false)))?;
    for name in 0..3 {
        if world.store.failing[name] {
            step(world, Move::Fault(Fault::FailingItem(name)))?;
        }
    }
    if world.facts.agent.ending {
        step(world, Move::Fault(Fault::Kill(u32::MAX)))?;
    }
    step(world, Move::User(User::Suspend(false, false)))?;
    step(world, Move::User(User::Control))?;
    quiesce(world, hangs, step)?;
    let locked = world.known.locked && stays_locked;
    if !locked {
        step(world, Move::User(User::Unlock))?;
    }
    let end = world.now + 300;
    while world.now < end {
        quiesce(world, hangs, step)?;
        let wake = wake(&world.facts, world.time());
        let seconds = wake.map_or(300, |wake| wake.since(world.time()));
        step(world, Move::Wait(seconds.clamp(1, 300)))?;
    }
    // a renewal may be under way while a store that fails has its pause
    for _ in 0..10 {
        quiesce(world, hangs, step)?;
        if settled(world, locked, hangs).is_ok() {
            break;
        }
        step(world, Move::Wait(30))?;
    }
    quiesce(world, hangs, step)?;
    settled(world, locked, hangs)
}

fn settled(world: &World, locked: bool, hangs: Option<Name>) -> Result<(), Broken> {
    match locked {
        true if hangs.is_some() => Ok(()),
        true => world.check_locked_settled(),
        false => world.check_settled(hangs),
    }
}

/// Starts and ends actions until nothing is left to do at this time.
fn quiesce(
    world: &mut World,
    hangs: Option<Name>,
    step: &mut impl FnMut(&mut World, Move) -> Result<(), Broken>,
) -> Result<(), Broken> {
    loop {
        if let Some(action) = world.running.last() {
            let is_hanging = match action {
                Action::Account(name, step) => Some(*name) == hangs && step.uses_store(),
                _ => false,
            };
            let end = match is_hanging {
                true => End::Store(StoreEnd::HangsLate),
                false => End::Works,
            };
            step(world, Move::End(world.running.len() - 1, end))?;
            continue;
        }
        let actions = world.next();
        world.check_progress(&actions)?;
        if actions.is_empty() {
            return Ok(());
        }
        // all that may run at once runs at once
        for _ in 0..actions.len() {
            step(world, Move::Start(0))?;
        }
    }
}

/// Adds a line about a move and the state that it meets.
pub fn describe(table: &mut String, number: usize, world: &World, step: Move) {
    let what = match step {
        Move::Start(place) => match world.next().get(place) {
            Some(action) => format!("start {}", action_words(action)),
            None => "start nothing".to_owned(),
        },
        Move::End(place, end) => match world.running.get(place) {
            Some(action) => format!("end {} {end:?}", action_words(action)),
            None => "end nothing".to_owned(),
        },
        other => format!("{other:?}"),
    };
    let _ = writeln!(
        table,
        "{number:3} t={:<6} {:<9} {what}",
        world.now - crate::world::START,
        lock_words(&world.facts.agent.lock),
    );
    for account in &world.facts.accounts {
        let memory = match &account.memory {
            Memory::Nothing => "nothing".to_owned(),
            Memory::Full(item) => format!(
                "full {}.{} token {:?}{}",
                item.version.login,
                item.version.generation,
                item.refresh_token,
                if item.intent { " intent" } else { "" }
            ),
            Memory::Sealed { version, .. } => {
                format!("sealed {}.{}", version.login, version.generation)
            }
        };
        let index = account.index.as_ref().map(|entry| {
            format!(
                "{}.{}{}{}",
                entry.version.login,
                entry.version.generation,
                if entry.leaving { " leaving" } else { "" },
                if entry.may_be_sealed { " noted" } else { "" }
            )
        });
        let _ = writeln!(
            table,
            "      {} memory {memory}; stored {:?} {:?}; index {index:?}; {:?}; {:?}{}{}",
            account.name,
            account.stored,
            account.form,
            account.leaving,
            account.refresh.stage,
            if account.answer.is_some() {
                "; answer"
            } else {
                ""
            },
            match account.running() {
                Some(Step::WriteIndex(_)) => "; running: write index".to_owned(),
                Some(step) => format!("; running: {step:?}"),
                None => String::new(),
            },
        );
    }
}

fn action_words(action: &Action<Model>) -> String {
    match action {
        Action::Account(name, step) => format!("{name}: {step:?}"),
        other => format!("{other:?}"),
    }
}
