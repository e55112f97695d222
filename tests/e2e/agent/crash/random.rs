//! The daemon is killed at random moments of renewals and logouts.
//!
//! Several workers do it side by side, each with a home, a provider and a store of its own: most of
//! a round is waiting until an ID token is due. The sleeps choose the moments; nothing is waited for
//! with one.

mod logouts;
mod renewals;

use std::ops::Range;
use std::thread;
use std::time::{Duration, SystemTime};

use opkssh_test_support::{ProviderOptions, Running, Signal, wait_until};
use serde_json::Value;

use crate::dice::Dice;
use crate::setup::{Setup, status};

const PASSPHRASE: &str = "a passphrase of the tests";
/// Seconds after which an ID token of [`short_lived`] is due.
const DUE_AFTER: u64 = 2;

struct Worker<'a> {
    setup: &'a Setup,
    dice: Dice,
    is_file: bool,
}

impl<'a> Worker<'a> {
    fn new(setup: &'a Setup, seed: u64, is_file: bool) -> Self {
        let dice = Dice::new(seed);
        Self {
            setup,
            dice,
            is_file,
        }
    }

    /// Starts an agent that can use its store.
    fn start(&self) -> Running {
        let mut agent = self.run();
        agent.wait_for("SSH_AGENT_PID");
        if self.is_file {
            self.unlock();
        }
        agent
    }

    fn run(&self) -> Running {
        let store = if self.is_file { "file" } else { "keyring" };
        let home = &self.setup.home;
        home.opkssh(["agent", "run", "--store", store]).start()
    }

    fn unlock(&self) {
        let unlock = self.setup.home.opkssh(["agent", "unlock"]);
        unlock.stdin(PASSPHRASE).run().stdout();
    }

    fn sleep_within(&mut self, moments: &Range<Duration>) {
        let span = moments.end.saturating_sub(moments.start).as_micros();
        let drawn = self.dice.below(usize::try_from(span).unwrap().max(1));
        thread::sleep(moments.start + Duration::from_micros(drawn.try_into().unwrap()));
    }

    fn log_in(&self) {
        wait_until("a login works", || {
            // its ID token may be past its four seconds before it is looked at
            let login = self.setup.home.opkssh(["login"]).run();
            login.success().then_some(())
        });
    }

    fn account(&self) -> Value {
        status(&self.setup.home)["accounts"][0].clone()
    }
}

/// Tokens that are due two seconds after they were made, and good for two more.
fn short_lived() -> Setup {
    let options = ProviderOptions {
        id_token_ttl: 4,
        ..ProviderOptions::default()
    };
    Setup::with(options, &["expiration: oidc"])
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_secs()
}

/// Runs the workers side by side, each with its number and a seed of its own, and returns what they
/// saw.
fn in_workers<T: Send>(count: usize, work: impl Fn(usize, u64) -> T + Sync) -> Vec<T> {
    let seed = seed();
    say(&format!("again with the same moments: OPKSSH_SEED={seed}"));
    thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = (0..count)
            .map(|number| {
                // xorshift begins with small numbers for a small seed
                let mixed = seed.wrapping_add(number as u64 + 1);
                let mixed = mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                scope.spawn(move || work(number, mixed))
            })
            .collect();
        let ends = workers.into_iter().map(|worker| worker.join());
        ends.map(|end| end.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn seed() -> u64 {
    let given = std::env::var("OPKSSH_SEED").ok();
    given.map_or_else(now, |seed| seed.parse().expect("OPKSSH_SEED is a number"))
}

#[allow(clippy::print_stderr, reason = "with --nocapture, and when it fails")]
fn say(line: &str) {
    eprintln!("{line}");
}

fn end(mut agent: Running) {
    agent.signal(Signal::TERM);
    agent.wait().stdout();
}
