//! Signals mean what they mean to OpenSSH's agent.

use opkssh_test_support::{Home, Part, ProviderOptions, SecretService, left_out, wait_until};

use super::signal;
use crate::agent::store::stored;
use crate::setup::{OPKSSH, Setup, agent_socket, daemon_log, daemon_pid, status};

const NONE: &str = "The agent has no identities.\n";

fn list(setup: &Setup) -> String {
    setup.with_agent("ssh-add").arg("-l").run().any_stdout()
}

/// Sends SIGUSR1 and waits until it has had its effect.
fn drop_keys(setup: &Setup) {
    signal(&setup.home, "-USR1");
    wait_until("the list is empty", || (list(setup) == NONE).then_some(()));
}

#[test]
fn each_of_term_hup_and_int_ends_it_tidily() {
    for name in ["-TERM", "-HUP", "-INT"] {
        let home = Home::new(OPKSSH);
        let mut daemon = home.opkssh(["agent", "run"]).start();
        daemon.wait_for("agent is ready");
        signal(&home, name);
        wait_until("it ends", || daemon.has_ended().then_some(()));
        let ended = daemon.wait();
        assert!(ended.success(), "{name}");
        assert!(ended.stderr().contains("agent ends"), "{name}");
        assert!(!agent_socket(&home).exists(), "{name}");
    }
}

#[test]
fn a_terminal_that_closes_does_not_end_what_a_command_started() {
    let home = Home::new(OPKSSH);
    // the shell leads a session, as a terminal's does; all of its group are told to hang up
    let script = format!("{OPKSSH} agent start >/dev/null && kill -HUP 0");
    let shell = home.command("setsid").args(["--wait", "sh", "-c", &script]);
    assert!(!shell.run().success(), "the signal was for the shell");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon_pid(&home))).unwrap();
    // pid (comm) state ppid pgrp session
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(fields[3], daemon_pid(&home).to_string(), "its own session");
}

#[test]
fn usr1_drops_every_identity_until_a_command_asks_for_them() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    let certificate = setup.home.write("cert.pub", setup.certificate());
    let signs = || setup.try_key(&certificate).success();
    assert!(signs());
    let requests = setup.provider.log().len();

    drop_keys(&setup);
    assert!(!signs(), "no key to sign with");
    // neither listing nor looking at the status brings them back
    for _ in 0..3 {
        assert_eq!(list(&setup), NONE);
        let report = status(&setup.home);
        assert_eq!(report["accounts"].as_array().map(Vec::len), Some(0));
        let notice = report["notices"][0]["text"].as_str().unwrap_or_default();
        assert!(
            notice.contains("test is not usable: it was dropped"),
            "{notice}"
        );
        assert!(notice.contains("opkssh check"), "{notice}");
    }
    assert!(stored(&setup.home).is_some(), "the store keeps it");
    assert_eq!(setup.provider.log().len(), requests, "no traffic");

    setup.home.opkssh(["check"]).run().stdout();
    assert!(signs(), "the same key");
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");

    // so does a restart
    drop_keys(&setup);
    setup.home.opkssh(["agent", "restart"]).run().stdout();
    wait_until("it is back", || signs().then_some(()));
}

#[test]
fn usr1_ends_logins_that_are_in_memory_only_and_says_so() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let start = ["agent", "start", "--store", "memory"];
    setup.home.opkssh(start).run().stdout();
    setup.login(&[]);
    drop_keys(&setup);
    let shown = setup.home.opkssh(["status"]).run().stdout();
    assert!(
        shown.contains("memory only and is gone (SIGUSR1)"),
        "{shown}"
    );
    let checked = setup.home.opkssh(["check"]).run();
    assert_eq!(checked.code(), Some(1));
    setup.login(&[]);
    assert_ne!(list(&setup), NONE);
}

#[test]
fn a_renewal_in_flight_is_stored_and_brings_nothing_back() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let options = ProviderOptions {
        id_token_ttl: 14,
        ..ProviderOptions::default()
    };
    let setup = Setup::with(options, &["expiration: oidc"]);
    let _keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    let token = || stored(&setup.home).expect("a record")["refresh_token"].clone();
    let first = token();
    let asked = || setup.provider.requests("/token");
    let before = asked();
    setup.provider.hold("/token");
    wait_until("a renewal has begun", || (asked() > before).then_some(()));
    drop_keys(&setup);
    assert_eq!(setup.provider.release("/token"), 1);
    // the provider has spent the old token
    wait_until("the new token is stored", || {
        (token() != first).then_some(())
    });
    assert_eq!(list(&setup), NONE);
    setup.home.opkssh(["check"]).run().stdout();
    assert_ne!(list(&setup), NONE);
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
    assert!(!daemon_log(&setup.home).contains("invalid_grant"));
}
