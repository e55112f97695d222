//! No account that was logged out comes back, whenever the daemon is killed.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use opkssh_test_support::{SecretService, left_out, wait_until};

use super::{Worker, end, in_workers, say, short_lived};
use crate::agent::crash::PARTS;
use crate::agent::store::{index, stored};
use crate::setup::kill_daemon;

const WORKERS: usize = 2;
const KILLS: usize = 16;

#[test]
fn a_kill_at_any_moment_of_a_logout_brings_no_account_back() {
    if left_out(&PARTS) {
        return;
    }
    let seen = in_workers(WORKERS, |_, seed| {
        let setup = short_lived();
        let _keyring = SecretService::start(&setup.home);
        Worker::new(&setup, seed, false).kill_logouts()
    });
    let sum = |count: fn(&Outcomes) -> usize| seen.iter().map(count).sum::<usize>();
    let (answered, finished) = (sum(|seen| seen.answered), sum(|seen| seen.finished));
    let not_begun = sum(|seen| seen.not_begun);
    say(&format!(
        "of the logouts, {answered} were answered, {finished} finished by the next agent, \
         {not_begun} not begun"
    ));
    assert_eq!(answered + finished + not_begun, WORKERS * KILLS);
}

/// What became of the logouts whose agent was killed.
#[derive(Default)]
struct Outcomes {
    /// The command saw its end.
    answered: usize,
    /// The next agent finished it, or this one had before it could answer.
    finished: usize,
    /// The account was still there, and another logout ended it.
    not_begun: usize,
}

impl Worker<'_> {
    fn kill_logouts(mut self) -> Outcomes {
        let mut outcomes = Outcomes::default();
        let mut agent = self.start();
        self.log_in();
        let began = Instant::now();
        self.setup.home.opkssh(["logout"]).run().stdout();
        let longest = began.elapsed() + began.elapsed() / 5;
        for _ in 0..KILLS {
            self.log_in();
            let logout = self.setup.home.opkssh(["logout"]).start();
            self.sleep_within(&(Duration::ZERO..longest));
            agent.kill();
            let was_answered = logout.wait().success();
            // the command may have started another agent, if it had not come to this one yet
            self.kill_any();
            for _ in 0..self.dice.below(3) {
                self.kill_a_start(longest);
            }
            let is_begun = index(&self.setup.home).contains("\"leaving\"");
            let is_left = index(&self.setup.home).contains("\"test\"");
            agent = self.start();
            match (was_answered, is_begun || !is_left) {
                (true, _) => outcomes.answered += 1,
                (false, true) => outcomes.finished += 1,
                (false, false) => {
                    outcomes.not_begun += 1;
                    self.setup.home.opkssh(["logout"]).run().stdout();
                }
            }
            self.is_gone();
        }
        end(agent);
        for _ in 0..3 {
            self.kill_a_start(longest);
        }
        let agent = self.start();
        self.is_gone();
        end(agent);
        outcomes
    }

    /// Kills an agent while it starts, when nothing is to be renewed.
    fn kill_a_start(&mut self, longest: Duration) {
        let mut agent = self.run();
        self.sleep_within(&(Duration::ZERO..longest));
        agent.kill();
    }

    /// Nothing is left of the account, and nothing is shown.
    fn is_gone(&self) {
        wait_until("nothing is left of the account", || {
            let left =
                stored(&self.setup.home).is_some() || index(&self.setup.home).contains("test");
            (!left).then_some(())
        });
        let list = self.setup.with_agent("ssh-add").arg("-l").run();
        assert_eq!(list.any_stdout(), "The agent has no identities.\n");
        let checked = self.setup.home.opkssh(["check"]).run();
        assert_eq!(checked.code(), Some(1), "{}", checked.any_stdout());
    }

    fn kill_any(&self) {
        let control = self.setup.home.runtime_dir().join("opkssh/control.sock");
        if UnixStream::connect(control).is_ok() {
            kill_daemon(&self.setup.home);
        }
    }
}
