//! `--idle-stop`: it ends when nobody needs it, and not before.

use std::os::unix::net::UnixStream;

use opkssh_test_support::{Home, Part, SecretService, left_out, wait_until};

use crate::setup::{OPKSSH, Setup, agent_socket, daemon_log, status};

fn has_ended(home: &Home) -> Option<()> {
    (!agent_socket(home).exists()).then_some(())
}

#[test]
fn it_ends_when_nobody_asks_and_the_next_command_brings_all_back() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    // a command that starts it keeps it from ending while it waits for the person
    let start = ["agent", "start", "--idle-stop", "4s"];
    setup.home.opkssh(start).run().stdout();
    setup.login(&[]);
    wait_until("it ends by itself", || has_ended(&setup.home));
    wait_until("it has said why", || {
        let log = daemon_log(&setup.home);
        (log.contains("nobody has asked for 4 seconds") && log.contains("agent ends")).then_some(())
    });
    setup.home.opkssh(["check"]).run().stdout();
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
}

#[test]
fn a_connection_keeps_it_and_so_does_a_login_in_memory_only() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let home = Home::new(OPKSSH);
    let connected = {
        let _first = home.opkssh(["agent", "start", "--idle-stop", "4s"]).run();
        UnixStream::connect(agent_socket(&home)).unwrap()
    };
    let shown = home.opkssh(["status"]).run().stdout();
    assert!(shown.contains("Idle stop     after 4s"), "{shown}");
    assert!(has_ended(&home).is_none());
    drop(connected);
    wait_until("it ends by itself", || has_ended(&home));

    let setup = Setup::new();
    let start = ["agent", "start", "--store", "memory", "--idle-stop", "4s"];
    let start = setup
        .home
        .opkssh(start)
        .args(["--log-level", "debug"])
        .run();
    start.stdout();
    setup.login(&[]);
    let pid = status(&setup.home)["agent"]["pid"].clone();
    let stays = || daemon_log(&setup.home).matches("it goes on").count();
    let before = stays();
    wait_until("it would have ended, and goes on", || {
        (stays() > before).then_some(())
    });
    // locked, it shows no account, and has it all the same
    let lock = setup.home.opkssh(["agent", "lock"]).stdin("a password");
    lock.run().stdout();
    let before = stays();
    wait_until("locked, it goes on, too", || {
        (stays() > before).then_some(())
    });
    assert_eq!(status(&setup.home)["agent"]["pid"], pid);
    assert!(!daemon_log(&setup.home).contains("agent ends"));
}

#[test]
fn a_limit_that_leaves_no_time_to_ask_is_refused() {
    let home = Home::new(OPKSSH);
    for command in ["start", "run", "install"] {
        for option in ["--idle-stop", "--lifetime"] {
            let said = home.opkssh(["agent", command, option, "0s"]).run();
            let why = said.misused();
            assert!(why.contains("or 7d, at least 1s"), "{why}");
        }
    }
}

#[test]
fn settings_survive_a_restart_and_reach_the_unit() {
    let home = Home::new(OPKSSH);
    let settings = [
        "--idle-stop",
        "8h",
        "--lifetime",
        "10h",
        "--memory-lock",
        "off",
        "--log-level",
        "debug",
    ];
    let start = home.opkssh(["agent", "start"]).args(settings);
    start.run().stdout();
    home.opkssh(["agent", "restart"]).run().stdout();
    let agent = &status(&home)["agent"];
    assert_eq!(agent["idle_stop"], 8 * 3600);
    assert_eq!(agent["lifetime"], 10 * 3600);
    assert_eq!(agent["memory_lock"], "off");
    assert_eq!(agent["log_level"], "debug");

    let refused = home.opkssh(["agent", "start", "--idle-stop", "1h"]).run();
    let why = refused.refused();
    assert!(why.contains("without --idle-stop 3600s"), "{why}");

    let dry = home
        .opkssh(["agent", "install", "--dry-run"])
        .args(settings);
    let dry = dry.run().stdout();
    let line =
        "agent run --idle-stop 28800s --lifetime 36000s --memory-lock off --log-level debug\n";
    assert!(dry.contains(line), "{dry}");
}

#[test]
fn a_key_from_ssh_add_keeps_it() {
    let home = Home::new(OPKSSH);
    let start = [
        "agent",
        "start",
        "--idle-stop",
        "1s",
        "--log-level",
        "debug",
    ];
    home.opkssh(start).run().stdout();
    home.set("SSH_AUTH_SOCK", agent_socket(&home));
    let keygen = home.command("ssh-keygen");
    let keygen = keygen.args(["-q", "-t", "ed25519", "-N", "", "-f", "key"]);
    keygen.run().stdout();
    assert!(home.command("ssh-add").arg("key").run().success());
    wait_until("it stays, though nobody asks", || {
        daemon_log(&home).contains("it goes on").then_some(())
    });
    let shown = home.opkssh(["status"]).run().stdout();
    assert!(shown.contains("Added keys    1 from ssh-add"), "{shown}");
    assert!(home.command("ssh-add").arg("-D").run().success());
    wait_until("it ends by itself", || has_ended(&home));
}
