//! A daemon that runs on after its program was replaced.

use std::fs;

use opkssh_test_support::{Home, Part, SecretService, left_out, write_program};

use crate::agent::sockets::raw::Raw;
use crate::setup::{OPKSSH, Setup, daemon_pid, status};

#[test]
fn status_names_a_replaced_program_and_restart_brings_all_back() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    let program = setup.home.dir().join("opkssh");
    write_program(&program, fs::read(OPKSSH).unwrap());
    let installed = |words: &[&str]| setup.home.command(&program).args(words).run();
    installed(&["agent", "start"]).stdout();
    setup.login(&[]);
    let (former, account) = (
        daemon_pid(&setup.home),
        status(&setup.home)["accounts"][0]["fingerprint"].clone(),
    );
    assert_eq!(status(&setup.home)["agent"]["replaced"], false);

    // as package managers do it
    write_program(&program, fs::read(OPKSSH).unwrap());
    assert_eq!(status(&setup.home)["agent"]["replaced"], true);
    let shown = installed(&["status"]).stdout();
    assert!(
        shown.contains("replaced since; opkssh agent restart"),
        "{shown}"
    );

    installed(&["agent", "restart"]).stdout();
    assert_ne!(daemon_pid(&setup.home), former);
    installed(&["check"]).stdout();
    let now = status(&setup.home);
    assert_eq!(now["agent"]["replaced"], false);
    assert_eq!(now["accounts"][0]["fingerprint"], account);
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
}

#[test]
fn a_client_of_another_version_can_end_the_daemon_and_nothing_else() {
    let home = Home::new(OPKSSH);
    let mut daemon = home.opkssh(["agent", "run"]).start();
    daemon.wait_for("agent is ready");
    let control = home.runtime_dir().join("opkssh/control.sock");
    let ask = |body: &str| {
        let answer = Raw::connect(&control).ask(body.as_bytes());
        String::from_utf8_lossy(&answer).into_owned()
    };
    let refused = ask(r#"{"version":9,"message":{"request":"status"}}"#);
    assert!(refused.contains("speaks version 9"), "{refused}");
    assert!(!daemon.has_ended());
    let stop = r#"{"version":9,"message":{"request":"stop","more":[1]},"else":2}"#;
    let stopping = ask(stop);
    assert!(stopping.contains("stopping"), "{stopping}");
    assert!(daemon.wait().success());
}
