//! `opkssh ssh`, and the plain ssh with our agent, at a real sshd that asks `verify`.

mod transparent;

use std::fs;

use opkssh_test_support::{Part, SecretService, left_out};

use crate::agent::servers::Server;
use crate::setup::{Setup, daemon_pid, kill_daemon, status};

const PARTS: [Part; 2] = [Part::Provider, Part::Sshd];

#[test]
fn the_first_ssh_logs_in_and_the_second_opens_no_browser() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    let server = Server::ours(&setup.provider, "24h");
    let first = server.opkssh_ssh(&setup.home).arg("echo over ssh").run();
    assert_eq!(first.stdout(), "over ssh\n", "what login says is no output");
    assert!(
        first.stderr().contains("alice@example.com"),
        "{}",
        first.stderr()
    );
    assert_eq!(setup.browser.openings(), 1);

    let second = server.opkssh_ssh(&setup.home).arg("echo again").run();
    assert_eq!(second.stdout(), "again\n");
    assert_eq!(second.stderr(), "", "nothing to say");
    assert_eq!(setup.browser.openings(), 1);
    assert!(
        server.etc.log().contains("successfully verified"),
        "{}",
        server.etc.log()
    );
}

#[test]
fn a_login_and_the_plain_ssh_need_no_key_file_for_either_verify() {
    if left_out(&PARTS) || left_out(&[Part::Go]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    for server in [
        Server::ours(&setup.provider, "24h"),
        Server::go(&setup.provider, "24h"),
    ] {
        let said = server.plain_ssh(&setup.home).arg("echo in").run();
        assert_eq!(said.stdout(), "in\n");
        server.sshd.wait_for_log("Accepted publickey");
    }
    let ssh_dir = setup.home.dir().join(".ssh");
    let files = fs::read_dir(ssh_dir).map_or(0, Iterator::count);
    assert_eq!(files, 0, "key files appeared");
}

#[test]
fn with_nobody_here_it_fails_as_ssh_does_and_names_the_command() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    let server = Server::ours(&setup.provider, "24h");
    // no terminal (tests have none), no browser, no display
    let ssh = || {
        server
            .opkssh_ssh(&setup.home)
            .env_remove("BROWSER")
            .arg("echo in")
    };
    let refused = ssh().run();
    assert_eq!(refused.code(), Some(255));
    assert_eq!(refused.any_stdout(), "");
    let said = refused.stderr();
    assert!(said.contains("login needed"), "{said}");
    assert!(said.contains("opkssh login"), "{said}");
    assert_eq!(setup.browser.openings(), 0);
    assert_eq!(setup.provider.authorizations(), 0);
    assert!(
        !server.sshd.log().contains("Connection from"),
        "ssh was not run"
    );

    // once logged in, the same works
    setup.login(&[]);
    assert_eq!(ssh().run().stdout(), "in\n");
}

#[test]
fn a_refusal_by_the_server_is_ssh_s_own_and_said_in_the_log() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let server = Server::ours(&setup.provider, "24h");
    server.etc.write("auth_id", "");
    let refused = server.opkssh_ssh(&setup.home).arg("true").run();
    assert_eq!(refused.code(), Some(255));
    assert!(
        refused.stderr().contains("Permission denied"),
        "{}",
        refused.stderr()
    );
    assert!(
        server
            .etc
            .log()
            .contains("no policy to allow alice@example.com"),
        "{}",
        server.etc.log()
    );
}

#[test]
fn after_the_daemon_was_killed_ssh_works_without_a_login() {
    if left_out(&PARTS) || left_out(&[Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    let key = status(&setup.home)["accounts"][0]["fingerprint"].clone();
    let first = daemon_pid(&setup.home);
    kill_daemon(&setup.home);

    let server = Server::ours(&setup.provider, "24h");
    let said = server.opkssh_ssh(&setup.home).arg("echo back").run();
    assert_eq!(said.stdout(), "back\n");
    assert_ne!(daemon_pid(&setup.home), first);
    assert_eq!(status(&setup.home)["accounts"][0]["fingerprint"], key);
    assert_eq!(setup.browser.openings(), 1);
    assert_eq!(setup.provider.authorizations(), 1);
}

#[test]
fn the_person_s_own_agent_is_left_alone() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    let own = setup.home.runtime_dir().join("own");
    let mut agent = setup
        .home
        .command("ssh-agent")
        .args(["-D", "-a"])
        .arg(&own)
        .start();
    agent.wait_for("SSH_AUTH_SOCK");
    setup.home.set("SSH_AUTH_SOCK", &own);
    let key = setup.home.dir().join("own-key");
    setup
        .home
        .command("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .run()
        .stdout();
    setup
        .home
        .command("ssh-add")
        .arg("-q")
        .arg(&key)
        .run()
        .stdout();
    let list = || setup.home.command("ssh-add").arg("-L").run().stdout();
    let before = list();

    let server = Server::ours(&setup.provider, "24h");
    let said = server.opkssh_ssh(&setup.home).arg("echo in").run();
    assert_eq!(said.stdout(), "in\n");
    setup.login(&[]);
    assert_eq!(list(), before);
    assert!(!agent.has_ended());
}
