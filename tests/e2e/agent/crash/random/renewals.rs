//! No refresh token is lost without a word, whenever the daemon is killed.

use std::ops::Range;
use std::time::{Duration, Instant};

use opkssh_test_support::{SecretService, left_out, wait_until};

use super::{DUE_AFTER, Worker, end, in_workers, now, say, short_lived};
use crate::agent::crash::PARTS;

/// Unlocking the file store takes a second each time, so most workers use the keyring.
const WITH_KEYRING: usize = 3;
/// Kills of each worker. `OPKSSH_KILLS=50` makes 200 of them in all.
const KILLS: usize = 16;

#[test]
fn a_kill_at_any_moment_of_a_renewal_loses_no_refresh_token_without_a_word() {
    if left_out(&PARTS) {
        return;
    }
    let kills = std::env::var("OPKSSH_KILLS").ok();
    let kills = kills.and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let seen = in_workers(WITH_KEYRING + 1, |number, seed| {
        let is_file = number == WITH_KEYRING;
        let setup = short_lived();
        let _keyring = (!is_file).then(|| SecretService::start(&setup.home));
        let killer = Killer {
            worker: Worker::new(&setup, seed, is_file),
            granted_at: 0,
            outcomes: Outcomes::default(),
        };
        killer.kill(kills)
    });
    let sum = |count: fn(&Outcomes) -> usize| seen.iter().map(count).sum::<usize>();
    let all = (WITH_KEYRING + 1) * kills;
    let (kills, granted) = (sum(|seen| seen.kills), sum(|seen| seen.granted));
    let outcomes = format!(
        "{kills} kills, {granted} of them after the provider had granted; the next agent renewed {} \
         times, said {} times that the answer was lost and {} times that a login is needed",
        sum(|seen| seen.by_itself),
        sum(|seen| seen.lost),
        sum(|seen| seen.login_needed)
    );
    say(&outcomes);
    assert_eq!(kills, all);
    // else the moments were not those of a renewal
    assert!(granted >= kills / 10, "{outcomes}");
}

/// What became of what was killed.
#[derive(Default)]
struct Outcomes {
    kills: usize,
    /// Kills during which the provider granted a renewal.
    granted: usize,
    /// Runs of kills after which the next agent renewed …
    by_itself: usize,
    /// … or said that the answer was lost …
    lost: usize,
    /// … or only that a login is needed: the agent that had learned why was killed, too.
    login_needed: usize,
}

struct Killer<'a> {
    worker: Worker<'a>,
    /// When the youngest ID token may be from, in seconds since 1970.
    granted_at: u64,
    outcomes: Outcomes,
}

/// Answers of the provider to refresh requests.
#[derive(Clone, Copy, Default)]
struct Answers {
    grants: usize,
    /// The refresh token was spent.
    refusals: usize,
}

/// How a run of kills ended, after which an agent was left alone.
enum Ended {
    ByItself,
    Lost,
    LoginNeeded,
}

impl Killer<'_> {
    fn kill(mut self, kills: usize) -> Outcomes {
        let agent = self.worker.start();
        self.worker.log_in();
        end(agent);
        self.granted_at = now();
        let mut moments = self.moments_of_a_renewal();
        for run in 1.. {
            let before = self.answers();
            // kills one after the other, too: an agent may die of what the one before it left
            let left = kills - self.outcomes.kills;
            for _ in 0..left.min(1 + self.worker.dice.below(3)) {
                self.kill_within(&moments);
            }
            match self.renews_or_says_why_not(before) {
                Ended::ByItself => self.outcomes.by_itself += 1,
                Ended::Lost => self.outcomes.lost += 1,
                Ended::LoginNeeded => self.outcomes.login_needed += 1,
            }
            if self.outcomes.kills == kills {
                break;
            }
            if run % 10 == 0 {
                moments = self.moments_of_a_renewal();
            }
        }
        // what is left is a good account
        self.worker.setup.provider.set_id_token_ttl(3600);
        let agent = self.worker.start();
        wait_until("the account is good for an hour", || {
            let until = self.worker.account()["usable_until"].as_u64();
            (until > Some(now() + 1800)).then_some(())
        });
        self.worker.setup.home.opkssh(["check"]).run().stdout();
        end(agent);
        self.outcomes
    }

    /// Starts an agent and kills it at one of these moments. They count from its start, or, with
    /// the file store, from when that is unlocked: nothing is renewed before.
    fn kill_within(&mut self, moments: &Range<Duration>) {
        self.wait_until_due();
        let before = self.answers().grants;
        let mut agent = if self.worker.is_file {
            self.worker.start()
        } else {
            self.worker.run()
        };
        self.worker.sleep_within(moments);
        agent.kill();
        self.outcomes.kills += 1;
        if self.answers().grants > before {
            self.outcomes.granted += 1;
            self.granted_at = now();
        }
    }

    /// Measures when a renewal begins and ends, and adds a little on both sides.
    fn moments_of_a_renewal(&mut self) -> Range<Duration> {
        self.wait_until_due();
        let provider = &self.worker.setup.provider;
        let (requests, grants) = (provider.log().len(), self.answers().grants);
        let agent = if self.worker.is_file {
            self.worker.start()
        } else {
            self.worker.run()
        };
        let began = Instant::now();
        wait_until("the provider is asked", || {
            (provider.log().len() > requests).then_some(())
        });
        let first = began.elapsed();
        wait_until("it is renewed", || {
            (self.answers().grants > grants && self.is_renewed()).then_some(())
        });
        let last = began.elapsed();
        end(agent);
        self.granted_at = now();
        let around = (last - first) / 4;
        first.saturating_sub(around)..last + around
    }

    /// Lets an agent be. It renews; or it says that the answer was lost or that a login is needed,
    /// and then a login is all that is needed.
    fn renews_or_says_why_not(&mut self, before: Answers) -> Ended {
        let agent = self.worker.start();
        let grants = self.answers().grants;
        let ended = wait_until("the account is renewed, or says why not", || {
            let answers = self.answers();
            if answers.refusals == before.refusals {
                let is_renewed = answers.grants > grants && self.is_renewed();
                return is_renewed.then_some(Ended::ByItself);
            }
            let checked = self.worker.setup.home.opkssh(["check"]).run();
            let said = checked.any_stdout();
            let is_needed = said.contains("login needed: ") && checked.code() == Some(1);
            is_needed.then(|| {
                assert_eq!(checked.stderr(), "hint: log in: opkssh login test\n");
                match said.contains("answer never arrived") {
                    true => Ended::Lost,
                    false => Ended::LoginNeeded,
                }
            })
        });
        if !matches!(ended, Ended::ByItself) {
            // a token that the provider calls spent was granted to an agent that was killed
            let was_granted = self.answers().grants > before.grants;
            assert!(was_granted, "a refresh token was used twice");
            self.worker.log_in();
        }
        end(agent);
        self.granted_at = now();
        ended
    }

    fn is_renewed(&self) -> bool {
        let account = self.worker.account();
        account["state"] == "usable" && account["last_error"].is_null()
    }

    /// Counts the provider's answers, once no request is being answered.
    fn answers(&self) -> Answers {
        wait_until("no request is being answered", || {
            let log = self.worker.setup.provider.log();
            let mut answers = Answers::default();
            for seen in &log {
                let is_refresh = seen.grant_type == "refresh_token";
                answers.grants += usize::from(is_refresh && seen.status == 200);
                answers.refusals += usize::from(is_refresh && seen.error == "invalid_grant");
            }
            log.iter().all(|seen| seen.status != 0).then_some(answers)
        })
    }

    fn wait_until_due(&self) {
        let due = self.granted_at + DUE_AFTER;
        wait_until("the ID token is due", || (now() >= due).then_some(()));
    }
}
