//! `agent stop` and `agent restart`, where logins are in memory only.

use opkssh_test_support::{Home, Part, left_out};

use crate::setup::{OPKSSH, Setup, daemon_pid};

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
            &["restart", "--store", "file", "--lifetime", "1h"],
            "opkssh agent restart --store file --lifetime 3600s --force",
        ),
    ] {
        let command = ["agent"].iter().chain(command);
        let refused = setup.home.opkssh(command).run().refused();
        let why = "Error: test would be lost: the login is in the agent's memory only\n";
        assert!(refused.starts_with(why), "{refused}");
        assert!(refused.contains(again), "{refused}");
        assert_eq!(daemon_pid(&setup.home), pid);
    }
    let revocations = || {
        let log = setup.provider.log();
        let seen = log.iter().filter(|seen| seen.path == "/token/revocation");
        seen.count()
    };
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
