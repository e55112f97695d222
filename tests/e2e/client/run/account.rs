//! `opkssh run --account`: one account of the user's own agent, and nothing else of it.

use std::path::PathBuf;

use opkssh_test_support::{Output, Part, ProviderOptions, Run, Running, left_out, wait_until};

use super::{STAY, directories, wait_until_gone};
use crate::agent::servers::Server;
use crate::agent::sockets::raw::Raw;
use crate::client::accounts::login_as;
use crate::setup::{Setup, daemon_pid, status};

const PARTS: [Part; 1] = [Part::Provider];

fn run(setup: &Setup, account: &str, command: &[&str]) -> Run {
    let run = setup.home.opkssh(["run", "--account", account, "--"]);
    run.args(command)
}

fn shell(setup: &Setup, script: &str) -> Output {
    run(setup, "test", &["sh", "-c", script]).run()
}

/// A command that stays, and its socket.
fn stay(run: Run) -> (Running, PathBuf) {
    let mut running = run.args(["sh", "-c", STAY]).start();
    let said = running.wait_for("agent.sock\n");
    let socket = said.trim().rsplit(' ').next().unwrap().into();
    (running, socket)
}

fn list(setup: &Setup, socket: &PathBuf) -> Output {
    let list = setup.home.command("ssh-add").arg("-L");
    list.env("SSH_AUTH_SOCK", socket).run()
}

#[test]
fn the_command_sees_and_uses_that_account_only() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    login_as(&setup, "alice", &["--as", "alice"]).stdout();
    login_as(&setup, "bob", &["test", "--as", "bob"]).stdout();
    let keygen = setup.home.command("ssh-keygen");
    let keygen = keygen.args(["-q", "-t", "ed25519", "-N", "", "-f", "key"]);
    keygen.run().stdout();
    assert!(setup.with_agent("ssh-add").arg("key").run().success());
    let all = setup.with_agent("ssh-add").arg("-L").run().stdout();
    let lines: Vec<&str> = all.lines().collect();
    assert_eq!(lines.len(), 3);
    for (number, account) in ["alice", "bob"].into_iter().enumerate() {
        let said = run(&setup, account, &["ssh-add", "-L"]).run().stdout();
        assert_eq!(said.lines().collect::<Vec<_>>(), [lines[number]]);
    }
    // nor can it use what it does not see
    let file = |name: &str, line: &str| setup.home.write(name, format!("{line}\n"));
    let (bob, key) = (file("bob.pub", lines[1]), file("added.pub", lines[2]));
    for (file, works) in [(&bob, true), (&key, false)] {
        let tried = run(&setup, "bob", &["ssh-add", "-T"]).arg(file).run();
        assert_eq!(tried.success(), works, "{}", tried.stderr());
    }
    let tried = run(&setup, "alice", &["ssh-add", "-T"]).arg(&bob).run();
    assert!(!tried.success());
    wait_until_gone(&setup.home);
}

#[test]
fn the_command_changes_nothing() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let keygen = setup.home.command("ssh-keygen");
    let keygen = keygen.args(["-q", "-t", "ed25519", "-N", "", "-f", "key"]);
    keygen.run().stdout();
    let askpass = setup.home.dir().join("askpass");
    opkssh_test_support::write_program(&askpass, "#!/bin/sh\necho secret\n");
    setup.home.set("SSH_ASKPASS", &askpass);
    setup.home.set("SSH_ASKPASS_REQUIRE", "force");
    setup.home.write("cert.pub", setup.certificate());
    for command in [
        &["key"][..],
        &["-d", "key"],
        &["-d", "cert.pub"],
        &["-D"],
        &["-x"],
        &["-X"],
    ] {
        let tried = run(&setup, "test", &["ssh-add"]).args(command).run();
        assert!(!tried.success(), "{command:?}");
    }
    setup.signs_for(&setup.certificate());
    let now = status(&setup.home);
    assert_eq!(now["agent"]["added_keys"], 0);
    let notices = now["notices"].to_string();
    assert!(!notices.contains("upstream"), "{notices}");
    // a script's `ssh-agent -k` must not end the user's own agent
    setup
        .home
        .set("SSH_AGENT_PID", daemon_pid(&setup.home).to_string());
    assert_eq!(
        shell(&setup, "echo ${SSH_AGENT_PID-none}").stdout(),
        "none\n"
    );
}

#[test]
fn ssh_logs_in_with_it_where_plain_ssh_would() {
    if left_out(&[Part::Provider, Part::Sshd]) {
        return;
    }
    let setup = Setup::new();
    let server = Server::ours(&setup.provider, "24h");
    setup.login(&[]);
    let ssh = run(&setup, "test", &["ssh"]).args(server.sshd.ssh_args());
    assert_eq!(ssh.args(["localhost", "echo in"]).run().stdout(), "in\n");
}

#[test]
fn the_account_is_renewed_once_by_the_user_s_own_agent() {
    if left_out(&PARTS) {
        return;
    }
    let options = ProviderOptions {
        id_token_ttl: 20,
        ..ProviderOptions::default()
    };
    let setup = Setup::with(options, &["expiration: oidc"]);
    setup.login(&[]);
    let requests = || setup.provider.requests("/token");
    let before = requests();
    setup.provider.hold("/token");
    wait_until("the agent renews it", || {
        (requests() == before + 1).then_some(())
    });
    let commands: Vec<_> = (0..5)
        .map(|_| run(&setup, "test", &["ssh-add", "-L"]).start())
        .collect();
    wait_until("it is stale", || {
        (status(&setup.home)["accounts"][0]["state"] == "stale").then_some(())
    });
    assert_eq!(setup.provider.release("/token"), 1);
    for command in commands {
        assert!(command.wait().stdout().contains("-cert-v01@"));
    }
    assert_eq!(requests(), before + 1);
}

#[test]
fn the_socket_goes_with_the_command_the_agent_and_its_lifetime() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let with = |options: &[&str]| {
        let run = setup.home.opkssh(["run", "--account", "test"]);
        run.args(options)
    };
    let (mut running, socket) = stay(with(&[]));
    assert!(list(&setup, &socket).success());
    running.kill();
    wait_until_gone(&setup.home);

    let (_running, socket) = stay(with(&["--lifetime", "2s"]));
    let mut connection = Raw::connect(&socket);
    wait_until("its time is over", || (!socket.exists()).then_some(()));
    assert_eq!(connection.receive(), None);

    let (_running, socket) = stay(with(&[]));
    // the account is in memory only
    setup.home.opkssh(["logout"]).run().stdout();
    assert_eq!(
        list(&setup, &socket).any_stdout(),
        "The agent has no identities.\n"
    );
    setup.home.opkssh(["agent", "stop"]).run().stdout();
    assert!(!socket.exists());
    assert_eq!(directories(&setup.home), [""; 0].map(PathBuf::from));
}

#[test]
fn while_the_agent_is_locked_it_shows_nothing() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let (_running, socket) = stay(setup.home.opkssh(["run", "--account", "test"]));
    let password = |word: &str| setup.home.opkssh(["agent", word]).stdin("secret\n").run();
    password("lock").stdout();
    assert_eq!(
        list(&setup, &socket).any_stdout(),
        "The agent has no identities.\n"
    );
    password("unlock").stdout();
    assert!(list(&setup, &socket).success());
}

#[test]
fn without_a_login_or_an_account_of_that_name_nothing_runs() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    for (account, why) in [("test", "login needed, "), ("other", "no account other")] {
        let run = run(&setup, account, &["echo", "ran"]);
        let refused = run.env_remove("BROWSER").run();
        assert_eq!((refused.code(), &*refused.any_stdout()), (Some(125), ""));
        assert!(refused.stderr().contains(why), "{}", refused.stderr());
    }
    // with a browser, it logs in
    assert_eq!(
        run(&setup, "test", &["echo", "ran"]).run().stdout(),
        "ran\n"
    );
    assert_eq!(setup.browser.openings(), 1);
}
