//! The lifecycle's shipped functions in a world where everything fails, deterministically.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod check;
mod choose;
mod coverage;
mod faults;
mod model;
mod mutants;
mod provider;
mod rules;
mod schedule;
mod small_worlds;
mod store;
mod world;

use coverage::{Coverage, FAULTS};
use mutants::Mutant;
use schedule::{Failure, run};
use small_worlds::SMALL_WORLDS;

/// Schedules that CI runs.
const SCHEDULES: u64 = 200_000;
const THREADS: u64 = 2;

fn replay(failure: &Failure) -> String {
    let mut table = String::new();
    let _ = run(
        failure.seed,
        None,
        &mut Coverage::default(),
        Some(&mut table),
    );
    format!(
        "{table}\nseed {}, move {}: {}\nrun it alone: OPKSSH_SEED={} cargo test -p opkssh-agent \
         --test lifecycle_simulation -- seeded --nocapture",
        failure.seed, failure.moves, failure.broken, failure.seed
    )
}

#[test]
fn seeded_schedules_keep_every_invariant() {
    if let Some(seed) = std::env::var("OPKSSH_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        let mut table = String::new();
        let result = run(seed, None, &mut Coverage::default(), Some(&mut table));
        println!("{table}");
        if let Err(failure) = result {
            panic!("seed {seed}, move {}: {}", failure.moves, failure.broken);
        }
        return;
    }
    let schedules = std::env::var("OPKSSH_SCHEDULES")
        .ok()
        .and_then(|count| count.parse().ok());
    let schedules: u64 = schedules.unwrap_or(SCHEDULES);
    let part = |thread: u64| {
        let mut coverage = Coverage::default();
        for seed in (thread..schedules).step_by(usize::try_from(THREADS).unwrap_or(1)) {
            run(seed, None, &mut coverage, None)?;
            coverage.schedules += 1;
        }
        Ok::<Coverage, Failure>(coverage)
    };
    let mut coverage = Coverage::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || part(thread)))
            .collect();
        for thread in threads {
            match thread.join().unwrap() {
                Ok(part) => coverage.add(part),
                Err(failure) => panic!("{}", replay(&failure)),
            }
        }
    });
    println!("{}", coverage.table());
    if schedules >= SCHEDULES {
        for name in FAULTS {
            let count = coverage.faults.get(name).copied().unwrap_or(0);
            assert!(count >= 1000, "{name}: {count} times only");
        }
    }
}

#[test]
fn each_deliberate_mistake_is_found_by_the_same_seeds() {
    let mut missed = Vec::new();
    for mutant in Mutant::ALL {
        let mut coverage = Coverage::default();
        let mut found = None;
        for seed in 0..SCHEDULES {
            if let Err(failure) = run(seed, Some(*mutant), &mut coverage, None) {
                found = Some(failure);
                break;
            }
        }
        match found {
            Some(failure) => println!(
                "{:>7} schedules: {mutant:?}: {}",
                failure.seed + 1,
                failure.broken
            ),
            None => missed.push(*mutant),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
fn small_worlds_keep_every_invariant_in_every_order() {
    for world in SMALL_WORLDS {
        match world.search(None) {
            Ok(searched) => println!(
                "{}: {} states, {} moves, {} calm ends",
                world.name, searched.states, searched.moves, searched.calmed
            ),
            Err(found) => panic!("{}\n{}: {}", found.table, world.name, found.broken),
        }
    }
}

#[test]
fn small_worlds_find_what_random_schedules_seldom_meet() {
    for mutant in [
        Mutant::DropsIntent,
        Mutant::AsksAgainAtOnce,
        Mutant::UnreadNeedsNoKey,
        Mutant::MissingNeedsNoKey,
        Mutant::TrustsNote,
        Mutant::ReplacesKey,
    ] {
        let mut worlds = SMALL_WORLDS.iter();
        let found = worlds.find_map(|world| Some((world.name, world.search(Some(mutant)).err()?)));
        match found {
            Some((name, found)) => println!("{mutant:?}: {name}: {}", found.broken),
            None => panic!("{mutant:?} is not found"),
        }
    }
}
