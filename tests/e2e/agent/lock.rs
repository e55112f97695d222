//! A locked agent: it shows, signs and tells nothing, and what it keeps is sealed, over restarts
//! and crashes, until the password is said.

use std::fs;

use opkssh_test_support::{Home, Part, SecretService, left_out, wait_until};

use crate::agent::store::secrets::{contains, files_below, secrets_of};
use crate::agent::store::{index, stored, stored_text};
use crate::setup::{Setup, daemon_pid, kill_daemon, status};

pub const PASSWORD: &str = "lock it with this";
const SEALED: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const NO_IDENTITIES: &str = "The agent has no identities.\n";

pub fn lock(home: &Home) {
    let said = home.opkssh(["agent", "lock"]).stdin(PASSWORD).run();
    assert!(said.stdout().contains("The agent is locked."));
}

pub fn unlock(home: &Home) -> String {
    let said = home.opkssh(["agent", "unlock"]).stdin(PASSWORD).run();
    said.stdout()
}

fn list(setup: &Setup) -> String {
    setup.with_agent("ssh-add").arg("-l").run().any_stdout()
}

fn seal_file(home: &Home) -> std::path::PathBuf {
    home.dir().join(".local/state/opkssh/seal.json")
}

#[test]
fn a_locked_agent_does_nothing_until_it_is_unlocked_even_after_a_crash() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    let certificate = setup.home.write("cert.pub", setup.certificate());
    let signs = || setup.try_key(&certificate).success();
    assert!(signs());
    let before = stored(&setup.home).expect("a record");
    lock(&setup.home);

    let look = || {
        for (command, code) in [("check", 3), ("login", 1)] {
            let refused = setup.home.opkssh([command]).run();
            assert_eq!(refused.code(), Some(code), "{command}");
            let refused = refused.stderr();
            assert!(refused.contains("the agent is locked"), "{refused}");
            assert!(refused.contains("opkssh agent unlock"), "{refused}");
        }
        assert_eq!(list(&setup), NO_IDENTITIES);
        assert!(!signs());
        let status = status(&setup.home);
        assert_eq!(status["agent"]["locked"], serde_json::json!(["agent"]));
        assert_eq!(status["accounts"], serde_json::json!([]));
        let shown = setup.home.opkssh(["status"]).run().stdout();
        assert!(
            shown.contains("\nLocked        nothing is shown"),
            "{shown}"
        );
        let again = setup.home.opkssh(["agent", "lock"]).stdin("another").run();
        assert!(again.refused().contains("locked already"));
        let wrong = setup.home.opkssh(["agent", "unlock"]).stdin("wrong").run();
        assert!(wrong.refused().contains("wrong password"));
        assert!(stored_text(&setup.home).starts_with(SEALED));
    };
    look();
    kill_daemon(&setup.home);
    look();

    assert_eq!(unlock(&setup.home), "The agent is unlocked.\n");
    assert!(!seal_file(&setup.home).exists());
    assert!(signs());
    let after = stored(&setup.home).expect("a record in clear");
    assert_eq!(after["refresh_token"], before["refresh_token"]);
    assert_eq!(unlock(&setup.home), "Nothing is locked.\n");
    kill_daemon(&setup.home);
    setup.home.opkssh(["check"]).run().stdout();
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
}

#[test]
fn ssh_add_locks_and_unlocks_what_is_in_memory_only() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let before = setup.certificate();
    let askpass = |password: &str| {
        let file = setup
            .home
            .write("askpass", format!("#!/bin/sh\necho '{password}'\n"));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(&file, mode).expect("its mode");
        file
    };
    let ssh_add = |flag: &str, password: &str| {
        let run = setup.with_agent("ssh-add").arg(flag);
        let run = run.env("SSH_ASKPASS", askpass(password));
        run.env("SSH_ASKPASS_REQUIRE", "force").run().success()
    };
    assert!(!ssh_add("-X", PASSWORD), "it is not locked");
    assert!(!ssh_add("-x", ""), "an empty password");
    assert!(ssh_add("-x", PASSWORD));
    assert_eq!(list(&setup), NO_IDENTITIES);
    assert!(!ssh_add("-x", "another"));
    for wrong in ["another", "wrong", ""] {
        assert!(!ssh_add("-X", wrong));
        assert_eq!(list(&setup), NO_IDENTITIES);
    }
    assert!(ssh_add("-X", PASSWORD));
    assert_eq!(
        setup.certificate().split(' ').next(),
        before.split(' ').next()
    );
    setup.home.opkssh(["check"]).run().stdout();
    // either way of locking is the other's
    assert!(ssh_add("-x", PASSWORD));
    assert_eq!(unlock(&setup.home), "The agent is unlocked.\n");
    assert_eq!(setup.browser.openings(), 1);
}

#[test]
fn a_locked_login_that_is_in_memory_only_is_not_lost_unasked() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    lock(&setup.home);
    let pid = daemon_pid(&setup.home);
    let report = status(&setup.home);
    assert_eq!(report["agent"]["at_risk"], serde_json::json!(["test"]));
    let refused = setup.home.opkssh(["agent", "restart"]).run().refused();
    assert!(refused.contains("test"), "{refused}");
    assert!(
        refused.contains("opkssh agent restart --force"),
        "{refused}"
    );
    assert_eq!(daemon_pid(&setup.home), pid);
    unlock(&setup.home);
    setup.home.opkssh(["check"]).run().stdout();
    lock(&setup.home);
    let restarted = setup.home.opkssh(["agent", "restart", "--force"]).run();
    restarted.stdout();
    assert_ne!(daemon_pid(&setup.home), pid);
}

#[test]
fn while_it_is_locked_no_file_and_no_keyring_holds_a_secret() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::with(Default::default(), &["send_access_token: true"]);
    let _keyring = SecretService::start(&setup.home);
    setup.home.set("OPKSSH_LOG", "trace,opkssh_agent=trace");
    setup.login(&[]);
    let record = stored(&setup.home).expect("a record");
    let mut secrets = secrets_of(&record);
    let access_token = record["access_token"].as_str().expect("an access token");
    secrets.push(access_token.to_owned());
    secrets.push(setup.provider.code_verifier());
    secrets.push(PASSWORD.to_owned());
    lock(&setup.home);

    let held = stored_text(&setup.home);
    let root = setup.home.runtime_dir();
    let files = files_below(root.parent().expect("the test's own directory"));
    for name in ["agent.log", "accounts.json", "seal.json"] {
        assert!(files.iter().any(|file| file.ends_with(name)), "{files:?}");
    }
    for secret in &secrets {
        assert!(
            !held.contains(secret),
            "the keyring holds {}…",
            &secret[..11]
        );
        for file in &files {
            let bytes = fs::read(file).expect("a readable file");
            let found = contains(&bytes, secret.as_bytes());
            assert!(!found, "{} holds {}…", file.display(), &secret[..11]);
        }
    }
    let pid = daemon_pid(&setup.home);
    for name in ["cmdline", "environ"] {
        let bytes = fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let found = secrets.iter().any(|one| contains(&bytes, one.as_bytes()));
        assert!(!found, "the daemon's {name} holds a secret");
    }
}

#[test]
fn what_a_crash_left_in_clear_is_sealed_by_the_next_daemon() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    let before = stored_text(&setup.home);
    // the keyring does not take what is sealed, and the daemon dies before it does
    keyring.lock();
    lock(&setup.home);
    assert_eq!(list(&setup), NO_IDENTITIES);
    kill_daemon(&setup.home);
    keyring.unlock();
    assert_eq!(stored_text(&setup.home), before, "in clear still");

    let refused = setup.home.opkssh(["check"]).run().inconclusive();
    assert!(refused.contains("the agent is locked"), "{refused}");
    wait_until("the next daemon has sealed it", || {
        stored_text(&setup.home).starts_with(SEALED).then_some(())
    });
    unlock(&setup.home);
    setup.home.opkssh(["check"]).run().stdout();
    assert!(stored(&setup.home).is_some(), "in clear again");
    assert_eq!(setup.browser.openings(), 1);
}

#[test]
fn what_is_unlocked_while_the_keyring_is_not_comes_back_with_it() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    lock(&setup.home);
    keyring.lock();
    kill_daemon(&setup.home);
    unlock(&setup.home);
    let refused = setup.home.opkssh(["check"]).run().inconclusive();
    assert!(
        refused.contains("account test is in the keyring, but "),
        "{refused}"
    );
    assert!(seal_file(&setup.home).exists(), "its key is still needed");

    // and locked anew, with another password, before it came back
    let said = setup
        .home
        .opkssh(["agent", "lock"])
        .stdin("the second")
        .run();
    said.stdout();
    kill_daemon(&setup.home);
    keyring.unlock();
    let wrong = setup.home.opkssh(["agent", "unlock"]).stdin(PASSWORD).run();
    assert!(wrong.refused().contains("wrong password"));
    let said = setup
        .home
        .opkssh(["agent", "unlock"])
        .stdin("the second")
        .run();
    said.stdout();
    wait_until("the account is back", || {
        setup.home.opkssh(["check"]).run().success().then_some(())
    });
    assert!(!seal_file(&setup.home).exists());
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
}

#[test]
fn who_logs_out_of_a_locked_agent_stays_logged_out() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    for words in [&["logout"][..], &["logout", "--all"]] {
        let setup = Setup::new();
        let _keyring = SecretService::start(&setup.home);
        setup.login(&[]);
        lock(&setup.home);
        let refused = setup.home.opkssh(words).run().refused();
        for words in [
            "Error: test stays logged in: the agent is locked",
            "opkssh agent unlock",
            "opkssh logout test --force",
        ] {
            assert!(refused.contains(words), "no {words:?} in {refused}");
        }
        let words = words.iter().chain(&["--force"]);
        let said = setup.home.opkssh(words).run().stdout();
        assert!(
            said.contains("refresh token not revoked: it is sealed, the agent is locked"),
            "{said}"
        );
        assert_eq!(stored_text(&setup.home), "");
        assert!(!index(&setup.home).contains("test"));
        unlock(&setup.home);
        assert_eq!(list(&setup), NO_IDENTITIES);
        let refused = setup.home.opkssh(["check"]).run();
        assert!(refused.any_stdout().contains("nobody is logged in"));
    }
}

#[test]
fn a_seal_that_cannot_be_read_keeps_the_agent_from_starting() {
    let home = Home::new(crate::setup::OPKSSH);
    home.write(".local/state/opkssh/seal.json", "{half");
    let refused = home.opkssh(["agent", "run"]).run().refused();
    assert!(refused.contains("seal.json: "), "{refused}");
}

#[test]
fn a_password_is_read_from_a_terminal_without_an_echo_and_twice_to_lock() {
    let home = Home::new(crate::setup::OPKSSH);
    for (command, nothing) in [("lock", "nothing to lock"), ("unlock", "nothing to unlock")] {
        let refused = home.opkssh(["agent", command]).stdin(PASSWORD).run();
        assert_eq!(refused.code(), Some(1));
        let words = format!(
            "Error: {nothing}: the agent is not running, and no account is stored\n\
             hint: start it: opkssh agent start\n"
        );
        assert_eq!(refused.stderr(), words);
        assert!(
            !home
                .opkssh(["status"])
                .run()
                .stdout()
                .contains("running since")
        );
    }
    home.opkssh(["agent", "start"]).run().stdout();
    let typed = |command: &str, answers: &[(&str, &str)]| {
        let command = format!("agent {command}");
        crate::setup::typed(&home, &command, answers)
    };
    let (lock, again, unlock) = ("lock the agent with: ", "Again: ", "of the locked agent: ");
    let once_more = "the two passwords differ; 2 tries left\r\nPassword to lock the agent with: ";
    let keys = [(lock, "one\r"), (again, "two\r"), (once_more, "one\x03")];
    let differ = typed("lock", &keys);
    assert_eq!(differ.code(), Some(1));
    // without a terminal
    let nothing = home.opkssh(["agent", "lock"]).run().refused();
    for words in [
        "stdin is no terminal, and is empty",
        "opkssh agent lock <FILE",
    ] {
        assert!(nothing.contains(words), "no {words:?} in {nothing}");
    }
    let cancelled = typed("lock", &[(lock, "one\x03")]);
    assert!(cancelled.any_stdout().contains("no password was given"));
    let keys = [(lock, "one\x7f\x7f\x7ffour\r"), (again, "four\r")];
    let locked = typed("lock", &keys).stdout();
    assert!(locked.contains("The agent is locked."), "{locked}");
    assert!(
        !locked.contains("one") && !locked.contains("four"),
        "{locked}"
    );
    let once_more = |left: &str| format!("wrong password; {left} left\r\nPassword {unlock}");
    let (second, third) = (once_more("2 tries"), once_more("1 try"));
    let refused = typed(
        "unlock",
        &[unlock, &second, &third].map(|prompt| (prompt, "one\r")),
    );
    assert_eq!(refused.code(), Some(1));
    let refused = refused.any_stdout();
    assert!(refused.contains("Error: wrong password"), "{refused}");
    let unlocked = typed("unlock", &[(unlock, "one\r"), (&second, "four\r")]).stdout();
    assert!(unlocked.contains("The agent is unlocked."), "{unlocked}");
}
