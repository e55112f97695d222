//! `agent stop` and `agent restart`, where logins are in memory only.

use std::fs;

use opkssh_test_support::{Home, Part, left_out};

use crate::agent::added_keys::Agents;
use crate::setup::{OPKSSH, Setup, daemon_pid, kill_daemon, status, typed};

const PASSPHRASE: &str = "a passphrase of the tests";
const TO_FILE: [&str; 4] = ["agent", "restart", "--store", "file"];

#[test]
fn stop_names_the_logins_that_it_would_lose_and_revokes_them_if_forced() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let pid = daemon_pid(&setup.home);
    for (command, again) in [
        (&["stop"][..], "opkssh agent stop --force"),
        (
            &["restart", "--lifetime", "1h"],
            "opkssh agent restart --lifetime 3600s --force",
        ),
    ] {
        let command = ["agent"].iter().chain(command);
        let refused = setup.home.opkssh(command).run().refused();
        let why = "Error: test would be lost: the login is in the agent's memory only\n";
        assert!(refused.starts_with(why), "{refused}");
        assert!(refused.contains(again), "{refused}");
        let keep = "move it to an encrypted file: opkssh agent restart --store file; ";
        assert!(refused.contains(keep), "{refused}");
        assert_eq!(daemon_pid(&setup.home), pid);
    }
    let revocations = || setup.provider.requests("/token/revocation");
    assert_eq!(revocations(), 0);
    let stop = ["agent", "stop", "--force"];
    assert_eq!(
        setup.home.opkssh(stop).run().stdout(),
        "Logged out of test: refresh token revoked at the provider\nThe agent has stopped.\n"
    );
    assert_eq!(revocations(), 1);
    let help = setup.home.opkssh(["agent", "--help"]).run().stdout();
    assert!(help.contains("Stop the agent; stored accounts come back"));
}

#[test]
fn restart_of_no_agent_says_that_it_started_one() {
    let home = Home::new(OPKSSH);
    let said = home.opkssh(["agent", "restart"]).run().stdout();
    assert!(
        said.starts_with("The agent has started: version "),
        "{said}"
    );
    let said = home.opkssh(["agent", "restart"]).run().stdout();
    assert!(
        said.starts_with("The agent has restarted: version "),
        "{said}"
    );
    let start = ["agent", "start", "--store", "file", "--log-level", "debug"];
    let refused = home.opkssh(start).run().refused();
    let hint = "or restart it: opkssh agent restart --store file --log-level debug\n";
    assert!(refused.ends_with(hint), "{refused}");
}

#[test]
fn restart_with_a_file_store_moves_the_logins_in_memory_to_it() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let (before, pid) = (setup.certificate(), daemon_pid(&setup.home));
    let keys = format!("{PASSPHRASE}\r");
    let prompts = [
        ("Choose a passphrase for the new", &*keys),
        ("Again: ", &keys),
    ];
    let said = typed(&setup.home, &TO_FILE.join(" "), &prompts).stdout();
    for line in [
        "The encrypted file store is set up.",
        "Moved to the encrypted file store: test",
        "The agent has restarted: version ",
    ] {
        assert!(said.contains(line), "no {line:?} in {said}");
    }
    assert_ne!(daemon_pid(&setup.home), pid);
    // unlocked with the same passphrase
    setup.home.opkssh(["check"]).run().stdout();
    let key = |line: &str| line.split(' ').next().map(str::to_owned);
    assert_eq!(key(&setup.certificate()), key(&before));
    let shown = status(&setup.home);
    assert_eq!(shown["accounts"][0]["store"], "file");
    assert_eq!(shown["agent"]["at_risk"], serde_json::json!([]));

    kill_daemon(&setup.home);
    let unlock = setup.home.opkssh(["agent", "unlock"]).stdin(PASSPHRASE);
    unlock.run().stdout();
    setup.home.opkssh(["check"]).run().stdout();
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in again");
}

#[test]
fn a_locked_login_in_memory_is_moved_as_well() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let lock = setup.home.opkssh(["agent", "lock"]).stdin("the lock");
    lock.run().stdout();
    let moved = setup.home.opkssh(TO_FILE).stdin(PASSPHRASE).run().stdout();
    assert!(
        moved.contains("Moved to the encrypted file store: test\n"),
        "{moved}"
    );
    let refused = setup.home.opkssh(["check"]).run().inconclusive();
    assert!(refused.contains("the agent is locked"), "{refused}");
    let unlock = setup.home.opkssh(["agent", "unlock"]).stdin("the lock");
    unlock.run().stdout();
    setup.home.opkssh(["check"]).run().stdout();
    assert_eq!(setup.browser.openings(), 1);
}

#[test]
fn an_agent_whose_logins_cannot_be_moved_is_not_stopped() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let pid = daemon_pid(&setup.home);
    let refused = setup.home.opkssh(TO_FILE).run().refused();
    assert!(refused.contains("no password was given"), "{refused}");
    let pass_it = "pass it on stdin: opkssh agent restart --store file <FILE";
    assert!(refused.contains(pass_it), "{refused}");
    assert_eq!(daemon_pid(&setup.home), pid);

    let index = setup.home.dir().join(".local/state/opkssh/accounts.json");
    fs::create_dir(&index).expect("a directory in the way");
    let refused = setup.home.opkssh(TO_FILE).stdin(PASSPHRASE).run().refused();
    let why = "Error: account test is not in the encrypted file store: accounts.json: ";
    assert!(refused.starts_with(why), "{refused}");
    assert!(refused.contains("; the agent goes on\n"), "{refused}");
    assert_eq!(daemon_pid(&setup.home), pid);
    setup.home.opkssh(["check"]).run().stdout();

    fs::remove_dir(&index).expect("out of the way");
    let moved = setup.home.opkssh(TO_FILE).run().stdout();
    let locked = "The encrypted file store is locked. Unlock it: opkssh agent unlock\n";
    assert!(moved.ends_with(locked), "{moved}");
    let unlock = setup.home.opkssh(["agent", "unlock"]).stdin(PASSPHRASE);
    unlock.run().stdout();
    setup.home.opkssh(["check"]).run().stdout();
    assert_eq!(setup.browser.openings(), 1);
}

#[test]
fn the_loss_of_keys_from_ssh_add_is_said() {
    let agents = Agents::start();
    let home = &agents.home;
    for name in ["one", "two"] {
        agents.keygen(name, "ed25519", "256");
    }
    let add = |names: &[&str]| {
        for name in names {
            assert!(agents.ours().ssh_add(&[name]).0);
        }
    };
    add(&["one"]);
    let one = "1 key from ssh-add is gone: add it again";
    let said = home.opkssh(["agent", "restart"]).run().stdout();
    assert!(said.ends_with(&format!("\n{one}\n")), "{said}");
    let said = home.opkssh(["agent", "restart"]).run().stdout();
    assert!(!said.contains("ssh-add"), "{said}");
    add(&["one"]);
    let json = home.opkssh(["agent", "restart", "--json"]).run().stdout();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["hint"], one);
    add(&["one", "two"]);
    let said = home.opkssh(["agent", "stop"]).run().stdout();
    let both = "2 keys from ssh-add are gone: add them again";
    assert_eq!(said, format!("The agent has stopped.\n{both}\n"));
}

#[test]
fn restart_with_a_file_store_and_without_logins_sets_the_store_up_or_says_that_it_is_not() {
    let home = Home::new(OPKSSH);
    let said = home.opkssh(TO_FILE).run().stdout();
    let not_yet = "The encrypted file store has no passphrase yet: only this agent would use it. \
                   Choose one: opkssh agent unlock\n";
    assert!(said.ends_with(not_yet), "{said}");
    let (choose, again) = ("Choose a passphrase for the new", "Again: ");
    let answers = [(choose, "of the store\r"), (again, "of the store\r")];
    let said = typed(&home, "agent restart --store file", &answers).stdout();
    assert!(
        said.contains("The encrypted file store is set up."),
        "{said}"
    );
    home.opkssh(["agent", "stop"]).run().stdout();
    home.opkssh(["agent", "start"]).run().stdout();
    let agent = status(&home)["agent"].clone();
    assert_eq!(agent["store_wish"], "auto");
    assert_eq!(agent["store"], "file");
}
