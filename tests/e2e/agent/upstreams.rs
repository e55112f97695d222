//! Other agents behind ours: their keys are served beside ours, by their own rules.

mod faults;
mod gnome_keyring;
mod wrapper;

use std::os::unix::fs::symlink;

use opkssh_test_support::Home;

use crate::agent::added_keys::{Agents, blob};
use crate::setup::{OPKSSH, agent_socket, daemon_log, status};

/// Our agent, started in a session that has OpenSSH's.
pub fn in_a_row() -> Agents {
    let home = Home::new(OPKSSH);
    let theirs = home.runtime_dir().join("theirs.sock");
    home.set("SSH_AUTH_SOCK", theirs);
    Agents::start_in(home, &[])
}

/// The comments of what is listed.
fn comments(list: &str) -> Vec<&str> {
    let keys = list.lines().filter(|line| line.starts_with("ssh-"));
    keys.filter_map(|line| line.split(' ').nth(2)).collect()
}

#[test]
fn the_keys_of_the_session_s_agent_are_served_and_stay_its_own() {
    let agents = in_a_row();
    for name in ["ours", "theirs", "both"] {
        agents.keygen(name, "ed25519", "256");
    }
    agents.theirs().ssh_add(&["theirs"]);
    agents.theirs().ssh_add(&["both"]);
    let ours = agents.ours();
    ours.ssh_add(&["ours"]);
    ours.ssh_add(&["both"]);
    assert_eq!(comments(&ours.list()), ["ours", "both", "theirs"]);
    assert_eq!(comments(&agents.theirs().list()), ["theirs", "both"]);
    for name in ["ours", "theirs", "both"] {
        let public = blob(&agents.home, &format!("{name}.pub"));
        assert_eq!(ours.sign(&public, b"data", 0)[0], 14, "{name}");
    }
    assert!(ours.ssh_add(&["-D"]).0);
    assert_eq!(comments(&ours.list()), ["theirs", "both"]);
    // a key that is named is removed where it is
    assert!(ours.ssh_add(&["-d", "theirs"]).0);
    assert_eq!(comments(&agents.theirs().list()), ["both"]);
}

#[test]
fn a_no_is_not_overruled_by_an_agent_that_has_the_key_too() {
    let home = Home::new(OPKSSH);
    home.set("SSH_AUTH_SOCK", home.runtime_dir().join("theirs.sock"));
    home.set("SSH_ASKPASS", "/bin/false");
    home.set("SSH_ASKPASS_REQUIRE", "force");
    let agents = Agents::start_in(home, &[]);
    agents.keygen("key", "ed25519", "256");
    agents.theirs().ssh_add(&["key"]);
    let ours = agents.ours();
    let public = blob(&agents.home, "key.pub");
    assert_eq!(ours.sign(&public, b"data", 0)[0], 14);
    ours.ssh_add(&["-c", "key"]);
    assert_eq!(comments(&ours.list()), ["key"], "once");
    assert_eq!(ours.sign(&public, b"data", 0), [5]);
    ours.ssh_add(&["-d", "key"]);
    assert_eq!(ours.sign(&public, b"data", 0)[0], 14);
}

#[test]
fn while_we_are_locked_they_are_hidden() {
    let agents = in_a_row();
    agents.keygen("key", "ed25519", "256");
    agents.theirs().ssh_add(&["key"]);
    let public = blob(&agents.home, "key.pub");
    let ours = agents.ours();
    assert_eq!(ours.sign(&public, b"data", 0)[0], 14);
    crate::agent::lock::lock(&agents.home);
    assert_eq!(comments(&ours.list()), [""; 0]);
    assert_eq!(ours.sign(&public, b"data", 0), [5]);
    assert!(!ours.ssh_add(&["-d", "key"]).0);
    assert_eq!(comments(&agents.theirs().list()), ["key"]);
}

#[test]
fn we_are_never_our_own_upstream_agent() {
    let home = Home::new(OPKSSH);
    let link = home.dir().join("link.sock");
    symlink(agent_socket(&home), &link).unwrap();
    for own in [agent_socket(&home), link] {
        home.set("SSH_AUTH_SOCK", own);
        home.opkssh(["agent", "start", "--store", "memory"])
            .run()
            .stdout();
        let listed = home.command("ssh-add").arg("-l").run();
        assert_eq!(listed.any_stdout(), "The agent has no identities.\n");
        let log = daemon_log(&home);
        assert!(!log.contains("upstream"), "{log}");
        home.opkssh(["agent", "stop"]).run().stdout();
    }
}

#[test]
fn a_restart_from_a_shell_that_has_ours_keeps_the_session_s_agent() {
    let agents = in_a_row();
    agents.keygen("key", "ed25519", "256");
    agents.theirs().ssh_add(&["key"]);
    let theirs = agents.theirs().socket.display().to_string();
    let home = &agents.home;
    let restart = || home.opkssh(["agent", "restart"]);
    let ours = agent_socket(home);
    for shell in [ours.to_str().unwrap(), "", &theirs] {
        restart().env("SSH_AUTH_SOCK", shell).run().stdout();
        assert_eq!(comments(&agents.ours().list()), ["key"], "{shell:?}");
        assert_eq!(status(home)["agent"]["session_agent"], theirs);
    }
    // the shell's own agent comes first
    restart().env("SSH_AUTH_SOCK", "/nowhere").run().stdout();
    assert_eq!(status(home)["agent"]["session_agent"], "/nowhere");
}

#[test]
fn the_configuration_says_which_agents_and_the_agent_of_an_ssh_session_is_none() {
    let home = Home::new(OPKSSH);
    let theirs = home.runtime_dir().join("theirs.sock");
    home.set("SSH_AUTH_SOCK", &theirs);
    home.set("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22");
    let agents = Agents::start_in(home, &[]);
    agents.keygen("key", "ed25519", "256");
    agents.theirs().ssh_add(&["key"]);
    let ours = agents.ours();
    assert_eq!(comments(&ours.list()), [""; 0]);
    let configured = |upstream: &str| {
        let text = format!("agent:\n  upstream: {upstream}\n");
        agents.home.write(".opk/config.yml", text);
        ours.list()
    };
    let path = theirs.display();
    assert_eq!(comments(&configured(&format!("[{path}]"))), ["key"]);
    assert_eq!(
        comments(&configured(&format!("[{path}, /nowhere]"))),
        ["key"]
    );
    assert_eq!(comments(&configured("[]")), [""; 0]);
    assert_eq!(comments(&configured("[$SSH_AUTH_SOCK]")), [""; 0]);
}
