//! Single rules of the lifecycle, each on its shortest schedule.

use opkssh_agent::lifecycle::{
    Action, Hidden, Leaving, Lock, Memory, RefreshFailure, Revocation, Stage, Step, Stored,
    unfinished, view, wake,
};

use crate::model::Model;
use crate::store::{Mode, StoreEnd};
use crate::world::{End, Fault, Move, User, World};

const LOG_IN: User = User::LogIn {
    name: 0,
    person: 0,
    has_store: true,
    rotates: true,
};

fn go(world: &mut World, step: Move) {
    if let Err(broken) = world.step(step, None) {
        panic!("{step:?}: {broken}");
    }
}

/// Starts and ends actions until there is nothing to do.
fn finish(world: &mut World) {
    for _ in 0..100 {
        if !world.running.is_empty() {
            go(world, Move::End(0, End::Works));
        } else if !world.next().is_empty() {
            go(world, Move::Start(0));
        }
    }
}

/// The one step that starts now.
fn start(world: &mut World) -> Step<Model> {
    let actions = world.next();
    let [Action::Account(_, step)] = actions.as_slice() else {
        panic!("{actions:?}");
    };
    go(world, Move::Start(0));
    step.clone()
}

fn end(world: &mut World, end: End) {
    go(world, Move::End(0, end));
}

/// A world with one account, saved, and renewed once to learn how.
fn logged_in() -> World {
    let mut world = World::new(false, None, None);
    go(&mut world, Move::User(LOG_IN));
    finish(&mut world);
    world
}

fn account(world: &World) -> &opkssh_agent::lifecycle::AccountFacts<Model> {
    world.facts.account(&0).unwrap()
}

fn hidden(world: &World) -> Option<Hidden> {
    view(&world.facts, world.time())[0].1.err()
}

#[test]
fn the_index_names_an_account_before_its_first_save() {
    let mut world = World::new(false, None, None);
    go(&mut world, Move::User(LOG_IN));
    assert_eq!(hidden(&world), None, "shown at once");
    assert!(matches!(start(&mut world), Step::WriteIndex(Some(_))));
    end(&mut world, End::Works);
    assert!(matches!(start(&mut world), Step::Save { .. }));
    assert_eq!(unfinished(&world.facts), [0]);
    finish(&mut world);
    assert!(unfinished(&world.facts).is_empty());
}

#[test]
fn an_account_in_memory_only_is_saved_when_it_gets_a_store() {
    let mut world = World::new(false, None, None);
    go(
        &mut world,
        Move::User(User::LogIn {
            name: 0,
            person: 0,
            has_store: false,
            rotates: true,
        }),
    );
    assert!(matches!(start(&mut world), Step::Refresh { .. }));
    go(&mut world, Move::User(User::GiveStore));
    assert!(world.next().is_empty(), "the answer comes first");
    end(&mut world, End::Fails);
    assert!(matches!(start(&mut world), Step::WriteIndex(Some(_))));
    end(&mut world, End::Works);
    assert!(matches!(start(&mut world), Step::Save { .. }));
    end(&mut world, End::Works);
    assert!(matches!(start(&mut world), Step::WriteIndex(Some(_))));
    end(&mut world, End::Works);
    assert!(unfinished(&world.facts).is_empty());
    go(&mut world, Move::Wait(700));
    let intent = start(&mut world);
    assert!(
        matches!(&intent, Step::Save { item, .. } if item.intent),
        "{intent:?}"
    );
}

#[test]
fn a_refresh_token_is_sent_after_its_intent_is_stored_and_in_the_index() {
    let mut world = logged_in();
    go(&mut world, Move::Wait(600));
    let Step::Save { item, .. } = start(&mut world) else {
        panic!("no save");
    };
    assert!(item.intent);
    end(&mut world, End::Works);
    assert!(
        matches!(start(&mut world), Step::WriteIndex(Some(entry)) if entry.version == item.version)
    );
    end(&mut world, End::Works);
    assert!(matches!(
        start(&mut world),
        Step::Refresh {
            after_intent: false,
            ..
        }
    ));
    end(&mut world, End::Works);
    assert!(matches!(start(&mut world), Step::Save { item, .. } if !item.intent));
    end(&mut world, End::Works);
    assert!(matches!(start(&mut world), Step::Verify { .. }));
}

/// Puts the account between the answer of a refresh and its save.
fn with_unsaved_answer() -> World {
    let mut world = logged_in();
    go(&mut world, Move::Wait(600));
    while !matches!(start(&mut world), Step::Refresh { .. }) {
        end(&mut world, End::Works);
    }
    end(&mut world, End::Works);
    world
}

#[test]
fn a_suspended_account_stays_in_memory_until_the_store_has_it() {
    let mut world = with_unsaved_answer();
    go(&mut world, Move::Fault(Fault::Store(Mode::Unavailable)));
    go(&mut world, Move::User(User::Suspend(true, false)));
    assert_eq!(hidden(&world), Some(Hidden::Suspended), "hidden at once");
    finish(&mut world);
    assert!(account(&world).item().is_some());
    go(&mut world, Move::Fault(Fault::Store(Mode::Working)));
    go(&mut world, Move::Wait(30));
    finish(&mut world);
    assert_eq!(account(&world).memory, Memory::Nothing);
    go(&mut world, Move::User(User::Suspend(false, false)));
    finish(&mut world);
    assert_eq!(hidden(&world), None);
    assert!(account(&world).item().unwrap().refresh_token.is_some());
}

#[test]
fn tokens_are_used_while_the_store_is_silent() {
    let mut world = with_unsaved_answer();
    assert!(matches!(start(&mut world), Step::Save { .. }));
    end(&mut world, End::Store(StoreEnd::HangsLate));
    assert!(matches!(start(&mut world), Step::Verify { .. }));
}

#[test]
fn an_answer_that_never_came_is_told_as_lost() {
    let mut world = logged_in();
    go(&mut world, Move::Wait(600));
    while !matches!(start(&mut world), Step::Refresh { .. }) {
        end(&mut world, End::Works);
    }
    go(&mut world, Move::Acts(0));
    go(&mut world, Move::Fault(Fault::Kill(0)));
    finish(&mut world);
    assert_eq!(account(&world).refresh.stage, Stage::Intent);
    assert!(world.next().is_empty(), "the first request may still act");
    go(&mut world, Move::Wait(60));
    finish(&mut world);
    let failure = account(&world).refresh.failure;
    assert_eq!(failure, Some(RefreshFailure::AnswerLost));
    assert_eq!(account(&world).item().unwrap().refresh_token, None);
    assert_eq!(hidden(&world), None, "what is held goes on being shown");
}

#[test]
fn an_item_below_the_index_is_not_used() {
    let mut world = logged_in();
    go(&mut world, Move::Fault(Fault::CopyKeyring));
    go(&mut world, Move::Wait(600));
    finish(&mut world);
    go(&mut world, Move::Fault(Fault::OtherKeyring));
    go(&mut world, Move::Fault(Fault::Kill(0)));
    finish(&mut world);
    assert_eq!(account(&world).stored, Stored::Older);
    assert_eq!(hidden(&world), Some(Hidden::Older));
}

#[test]
fn a_lock_during_an_unlock_keeps_the_key() {
    let mut world = logged_in();
    go(&mut world, Move::User(User::Lock));
    finish(&mut world);
    assert!(matches!(account(&world).memory, Memory::Sealed { .. }));
    let key = world.seal_file;
    go(&mut world, Move::User(User::Unlock));
    go(&mut world, Move::User(User::Lock));
    finish(&mut world);
    assert_eq!(world.seal_file, key);
    go(&mut world, Move::User(User::Unlock));
    finish(&mut world);
    assert_eq!(world.facts.agent.lock, Lock::Open);
    assert_eq!(world.seal_file, None);
    assert_eq!(hidden(&world), None);
}

#[test]
fn a_logout_waits_for_a_store_that_is_silent() {
    let mut world = logged_in();
    go(&mut world, Move::Fault(Fault::Kill(0)));
    go(&mut world, Move::Fault(Fault::Store(Mode::Unavailable)));
    go(&mut world, Move::User(User::LogOut(0)));
    finish(&mut world);
    assert_eq!(account(&world).leaving, Leaving::Wanted);
    go(&mut world, Move::Fault(Fault::Store(Mode::Working)));
    go(&mut world, Move::Wait(30));
    while !matches!(start(&mut world), Step::Revoke { .. }) {
        end(&mut world, End::Works);
    }
    end(&mut world, End::Works);
    let revoked = Leaving::Revoked(Revocation::Revoked);
    assert_eq!(account(&world).leaving, revoked);
    finish(&mut world);
    assert!(world.facts.accounts.is_empty());
}

#[test]
fn a_login_ends_a_logout() {
    let mut world = logged_in();
    go(&mut world, Move::User(User::LogOut(0)));
    while !matches!(start(&mut world), Step::Delete { .. }) {
        end(&mut world, End::Works);
    }
    go(&mut world, Move::User(LOG_IN));
    assert_eq!(hidden(&world), None);
    finish(&mut world);
    assert_eq!(account(&world).leaving, Leaving::No);
    assert!(account(&world).is_saved());
}

#[test]
fn the_end_of_a_lifetime_hides_at_once_and_logs_out() {
    let mut world = World::new(false, Some(100), None);
    go(&mut world, Move::User(LOG_IN));
    finish(&mut world);
    let end = world.time().plus(100);
    assert!(wake(&world.facts, world.time()) <= Some(end));
    assert_eq!(account(&world).ends_at(Some(100)), Some(end));
    assert!(view(&world.facts, end.plus(-1))[0].1.is_ok());
    assert_eq!(view(&world.facts, end)[0].1, Err(Hidden::Overdue));
    go(&mut world, Move::Wait(100));
    // for good, also if the clock is set back
    go(&mut world, Move::Wait(-50));
    assert_eq!(hidden(&world), Some(Hidden::Leaving));
    finish(&mut world);
    assert!(world.facts.accounts.is_empty());
}

#[test]
fn a_wait_from_before_the_clock_was_set_back_is_over() {
    let mut world = logged_in();
    go(&mut world, Move::Fault(Fault::Kill(0)));
    go(&mut world, Move::Fault(Fault::Store(Mode::Unavailable)));
    finish(&mut world);
    assert!(world.next().is_empty());
    go(&mut world, Move::Wait(-5000));
    assert!(!world.next().is_empty());
}
