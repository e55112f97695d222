//! `verify` at work, seen from outside: what it has given up by the time it asks a provider, and
//! who does the rest for it.

mod needs;

use std::fs;

use opkssh_test_support::{Part, Provider, Running, left_out, user_name, wait_until};

use crate::agent::servers::rules;
use crate::setup::Setup;

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// A verify whose provider does not answer yet.
struct Waiting {
    setup: Setup,
    etc: opkssh_test_support::Etc,
    verify: Running,
}

fn asked(provider: &Provider) -> usize {
    let log = provider.log();
    log.iter().filter(|seen| seen.path == DISCOVERY).count()
}

impl Waiting {
    fn new() -> Self {
        let setup = Setup::new();
        setup.login(&[]);
        let etc = rules(&setup.provider, "24h").with_cache();
        // nobody is let in but by a file in the account's home
        etc.write("auth_id", "");
        let certificate = setup.certificate();
        let mut words = certificate.split_whitespace();
        let (key_type, base64) = (words.next().unwrap(), words.next().unwrap());
        let before = asked(&setup.provider);
        setup.provider.hold(DISCOVERY);
        let run = setup.home.opkssh(["verify", "--etc"]).arg(etc.dir());
        let run = run.arg("--cache").arg(etc.cache_dir());
        let run = run.arg("--log-file").arg(etc.log_file());
        let mut verify = run.args([&user_name(), base64, key_type]).start();
        wait_until("verify asks its provider", || {
            assert!(!verify.has_ended(), "{}", verify.stderr_so_far());
            (asked(&setup.provider) > before).then_some(())
        });
        Self { setup, etc, verify }
    }

    fn monitor(&self) -> String {
        let pid = self.verify.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let children: Vec<_> = children.split_whitespace().collect();
        assert_eq!(children.len(), 1, "{children:?}");
        children[0].to_owned()
    }

    /// Lets the provider answer, and verify end.
    fn end(self) -> String {
        self.setup.provider.release(DISCOVERY);
        let refused = self.verify.wait().refused();
        assert!(refused.contains("no policy to allow"), "{refused}");
        fs::read_to_string(self.etc.log_file()).unwrap()
    }
}

fn status(pid: impl std::fmt::Display, key: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.unwrap().trim_start_matches(':').trim().to_owned()
}

#[test]
fn it_has_given_up_its_rights_and_its_monitor_has_not() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let waiting = Waiting::new();
    let pid = waiting.verify.pid();
    assert_eq!(status(pid, "NoNewPrivs"), "1");
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    for (name, most) in [
        ("Max open files", "128"),
        ("Max address space", "2147483648"),
        ("Max cpu time", "30"),
        ("Max core file size", "0"),
    ] {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        let hard = line[name.len()..].split_whitespace().nth(1);
        assert_eq!(hard, Some(most), "{line}");
    }

    let monitor = waiting.monitor();
    assert_eq!(status(&monitor, "NoNewPrivs"), "0", "sudo works for it");
    let log = waiting.end();
    assert!(!log.contains("not confined"), "{log}");
    assert!(!log.contains("monitor"), "{log}");
    let is_left = fs::exists(format!("/proc/{monitor}")).unwrap();
    assert!(!is_left, "it is waited for, whoever is PID 1");
}

#[test]
fn without_its_monitor_it_lets_in_nobody_more_and_says_so() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let waiting = Waiting::new();
    let monitor = waiting.monitor();
    let kill = waiting.setup.home.command("kill").args(["-9", &monitor]);
    kill.run().stdout();
    let log = waiting.end();
    let said = "warning: home policy not used: the monitor does not answer: ";
    assert!(log.contains(said), "{log}");
}
