//! `ssh-add -c`: a person is asked before each signature.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use opkssh_test_support::Home;

use super::{Agents, blob};
use crate::setup::{OPKSSH, daemon_log};

/// A program that notes what it is asked, and then does this.
fn askpass(home: &Home, name: &str, answer: &str) -> String {
    let asked = home.dir().join("asked");
    let text = format!(
        "#!/bin/sh\nprintf '%s [%s]\\n' \"$1\" \"$SSH_ASKPASS_PROMPT\" >> {}\n{answer}\n",
        asked.display()
    );
    let program = home.write(name, text);
    std::fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
    program.display().to_string()
}

fn asked(home: &Home) -> String {
    let file = home.dir().join("asked");
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let _ = std::fs::remove_file(&file);
    text
}

#[test]
fn a_key_is_used_after_a_yes_and_only_then() {
    for (answer, is_yes) in [
        ("exit 0", true),
        ("echo yes", true),
        ("exit 1", false),
        ("echo no", false),
        ("echo yes; exit 1", false),
    ] {
        let home = Home::new(OPKSSH);
        home.set("SSH_ASKPASS", askpass(&home, "askpass", answer));
        home.set("SSH_ASKPASS_REQUIRE", "force");
        // OpenSSH's agent looks at it even so
        home.set("DISPLAY", ":99");
        let agents = Agents::start_in(home, &[]);
        agents.keygen("key", "ed25519", "256");
        agents.both(|agent| agent.ssh_add(&["-c", "key"]));
        let public = blob(&agents.home, "key.pub");
        let signed = agents.both(|agent| agent.sign(&public, b"data", 0)[0] == 14);
        assert_eq!(signed, is_yes, "{answer}");
        let questions = asked(&agents.home);
        let same = questions.matches("Allow use of key key?\nKey fingerprint SHA256:");
        assert_eq!(same.count(), 2, "{questions}");
        assert!(questions.contains("[confirm]"), "{questions}");
        assert!(questions.contains("\nAsked for by "), "{questions}");
    }
}

#[test]
fn where_nobody_can_be_asked_it_is_refused_and_status_says_why() {
    let agents = Agents::start();
    agents.keygen("key", "ed25519", "256");
    agents.both(|agent| agent.ssh_add(&["-c", "key"]));
    let public = blob(&agents.home, "key.pub");
    assert_eq!(agents.both(|agent| agent.sign(&public, b"data", 0)), [5]);
    let log = daemon_log(&agents.home);
    assert!(log.contains("no display to ask on"), "{log}");
    let why = "nobody could be asked (ssh-add -c): no desktop notification can be shown, and ";
    assert!(log.contains(why), "{log}");
    let shown = || agents.home.opkssh(["status"]).run().stdout();
    assert!(shown().contains(why), "{}", shown());
    agents.ours().ssh_add(&["-d", "key"]);
    assert!(!shown().contains("Notices"), "{}", shown());
}
