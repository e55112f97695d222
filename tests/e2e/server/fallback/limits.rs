//! A fallback command that hangs: what is left of it, and how many of them run at once.

use std::fs;
use std::path::PathBuf;

use opkssh_test_support::{Etc, Home, Running, user_name, wait_until};
use serde_json::json;

use crate::setup::OPKSSH;

/// How many run at once for one account.
const LIMIT: usize = 8;

struct Stage {
    home: Home,
    etc: Etc,
}

impl Stage {
    /// With a fallback command that is this shell script.
    fn new(timeout: &str, script: &str) -> Self {
        let stage = Self {
            home: Home::new(OPKSSH),
            etc: Etc::new().with_cache(),
        };
        let started = stage.path("started");
        let script = format!("echo >>{}; {script}", started.display());
        let settings = json!({
            "fallback": {"command": ["/bin/sh", "-c", script], "timeout": timeout}
        });
        stage.etc.write("server.yml", &settings.to_string());
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.dir().join(name)
    }

    /// `verify`, asked about a plain key.
    fn verify(&self) -> Running {
        let paths = [self.etc.dir(), self.etc.cache_dir(), self.etc.log_file()];
        let [etc, cache, log] = paths.map(|path| path.display().to_string());
        self.home
            .opkssh(["verify", "--etc", &etc, "--cache", &cache])
            .args(["--log-file", &log, &user_name()])
            .args(["AAAAC3NzaC1lZDI1NTE5AAAA", "ssh-ed25519"])
            .start()
    }

    /// How many fallback commands have begun so far.
    fn started(&self) -> usize {
        fs::read_to_string(self.path("started")).map_or(0, |text| text.lines().count())
    }

    /// Waits until no process is left that has this home in its environment.
    fn wait_until_none_is_left(&self) {
        let home = format!("HOME={}", self.home.dir().display());
        wait_until("the fallback command's processes end", || {
            let processes = fs::read_dir("/proc").unwrap().flatten();
            let mut all = processes.filter_map(|entry| fs::read(entry.path().join("environ")).ok());
            let is_left = |environment: Vec<u8>| {
                let mut variables = environment.split(|byte| *byte == 0);
                variables.any(|variable| variable == home.as_bytes())
            };
            (!all.any(is_left)).then_some(())
        });
    }
}

/// A shell, programs that another shell waits for in the background, and one in their place.
const HANGS: &str = "(sleep 1000 & sleep 1000 >/dev/null 2>&1 & wait) & exec sleep 1000";

#[test]
fn of_three_that_time_out_nothing_is_left() {
    let stage = Stage::new("3s", HANGS);
    let running = [(); 3].map(|()| stage.verify());
    for verify in running {
        let said = verify.wait();
        assert!(said.refused().contains("not an SSH certificate"));
        assert_eq!(said.any_stdout(), "");
    }
    assert_eq!(stage.started(), 3);
    stage.wait_until_none_is_left();
    let log = stage.etc.log();
    assert_eq!(log.matches("did not answer within 3 s").count(), 3, "{log}");
}

/// As sshd does with its process group at the end of LoginGraceTime, though with a signal that
/// nothing can catch.
#[test]
fn it_ends_with_a_verify_that_is_killed() {
    let stage = Stage::new("60s", HANGS);
    let mut verify = stage.verify();
    wait_until("the fallback command runs", || {
        (stage.started() == 1).then_some(())
    });
    verify.kill();
    stage.wait_until_none_is_left();
}

#[test]
fn beyond_the_limit_they_wait_until_one_ends() {
    let script = "while [ ! -e \"$HOME/go\" ]; do sleep 0.1; done; echo a line";
    let stage = Stage::new("60s", script);
    let running: Vec<Running> = (0..LIMIT + 2).map(|_| stage.verify()).collect();
    wait_until("two wait, the others run", || {
        let waiting = stage.etc.log().matches("fallback: waiting").count();
        (waiting == 2 && stage.started() == LIMIT).then_some(())
    });
    stage.home.write("go", "");
    for verify in running {
        assert_eq!(verify.wait().stdout(), "a line\n");
    }
    assert_eq!(stage.started(), LIMIT + 2);
}
