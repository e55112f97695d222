//! Who may not ask, and where nobody can be asked.

use opkssh_test_support::{Sshd, Verifier, left_out};

use super::{BUTTON, Needy, PARTS, configure};
use crate::setup::{Setup, status};

/// Only now is anybody asked.
fn is_first_question(needy: &Needy) {
    let ssh = needy.ssh();
    let shown = needy.desktop.wait_for(1);
    needy.admit();
    needy.desktop.click(&shown, BUTTON);
    assert_eq!(ssh.wait().stdout(), "in\n");
    assert_eq!(needy.desktop.shown().len(), 1);
}

#[test]
fn a_list_without_a_server_asks_nobody() {
    if left_out(&PARTS) {
        return;
    }
    let needy = Needy::new(&["hosts: [localhost]"]);
    for _ in 0..3 {
        let list = needy.setup.with_agent("ssh-add").arg("-l").run().stdout();
        assert!(list.contains("opkssh test"), "{list}");
    }
    is_first_question(&needy);
}

#[test]
fn a_forwarded_agent_asks_nobody() {
    if left_out(&PARTS) {
        return;
    }
    let needy = Needy::new(&["hosts: [localhost]"]);
    let home = &needy.setup.home;
    let key = home.dir().join("key");
    let made = home.command("ssh-keygen");
    let made = made.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key);
    made.run().stdout();
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let hop = Sshd::start(Verifier::Keys(&public), &needy.setup.provider.ca_file());
    let onward = needy.server.sshd.ssh_args().join(" ");
    let over = home
        .command("ssh")
        .env("SSH_AUTH_SOCK", crate::setup::agent_socket(home))
        .args(["-A", "-o", "IdentitiesOnly=yes", "-i"])
        .arg(&key)
        .args(hop.ssh_args())
        .args(["127.0.0.1", &format!("ssh {onward} localhost echo over")])
        .run();
    assert!(over.stderr().contains("Permission denied"));
    hop.wait_for_log("Accepted publickey");
    is_first_question(&needy);
}

#[test]
fn without_hosts_of_its_own_an_account_is_asked_for_by_nobody() {
    if left_out(&PARTS) {
        return;
    }
    for lines in [
        &[][..],
        &["hosts: [elsewhere.example.com]"],
        &["hosts: [localhost]", "on_demand: off"],
    ] {
        let needy = Needy::new(lines);
        assert!(!needy.ssh().wait().success());
        assert!(needy.desktop.shown().is_empty(), "{lines:?}");
        assert_eq!(needy.setup.browser.openings(), 1, "the first");
        // as soon as the person configures it
        configure(&needy.setup, &["hosts: [localhost]"]);
        is_first_question(&needy);
    }
}

#[test]
fn where_no_desktop_answers_status_says_what_to_do() {
    if left_out(&PARTS) {
        return;
    }
    let needy = Needy::new(&["hosts: [localhost]"]);
    let Needy {
        desktop,
        server,
        setup,
        ..
    } = needy;
    drop(desktop);
    let ssh = |setup: &Setup| server.plain_ssh(&setup.home).arg("true").run();
    assert!(ssh(&setup).stderr().contains("Permission denied"));
    let notices = status(&setup.home)["notices"].to_string();
    assert!(
        notices.contains("test needs a login: opkssh login test"),
        "{notices}"
    );
}
