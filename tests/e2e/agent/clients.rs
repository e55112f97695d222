//! Programs that use the agent without OpenSSH, and never bind a session: Paramiko and libssh2.

use std::fs;
use std::path::Path;

use opkssh_test_support::user_name;
use opkssh_test_support::{Home, Output, Part, ProviderOptions, Sshd, Verifier, client, left_out};

use crate::agent::added_keys::Agents;
use crate::agent::lock::lock;
use crate::agent::servers::Server;
use crate::setup::{Setup, agent_socket};

const CLIENTS: [&str; 2] = ["paramiko_client", "libssh2_client"];

/// Logs in to the server with this client and the keys of our agent.
fn log_in(home: &Home, name: &str, server: &Sshd) -> Output {
    let [python, script] = client(name);
    let run = home.command(python).arg(script);
    let run = run.env("SSH_AUTH_SOCK", agent_socket(home));
    run.args([server.port().to_string(), user_name()]).run()
}

/// A server that lets this key in, by signatures of this algorithm.
fn server(home: &Home, key: &str, algorithm: &str) -> Sshd {
    let public = fs::read_to_string(home.dir().join(format!("{key}.pub"))).unwrap();
    let only = format!("PubkeyAcceptedAlgorithms {algorithm}");
    Sshd::start_with(Verifier::Keys(&public), Path::new("/dev/null"), &only)
}

#[test]
fn keys_from_ssh_add_log_in_and_rsa_signs_with_sha_2() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let agents = Agents::start();
    let keys = [
        ("rsa", "3072", "rsa-sha2-512"),
        ("ecdsa", "256", "ecdsa-sha2-nistp256"),
        ("ecdsa", "384", "ecdsa-sha2-nistp384"),
        ("ed25519", "256", "ssh-ed25519"),
    ];
    for (kind, bits, algorithm) in keys {
        let name = format!("{kind}{bits}");
        agents.keygen(&name, kind, bits);
        agents.ours().ssh_add(&["-D"]);
        agents.ours().ssh_add(&[&name]);
        for client in CLIENTS {
            let server = server(&agents.home, &name, algorithm);
            let said = log_in(&agents.home, client, &server).stdout();
            assert!(said.ends_with("\nin\n"), "{client} {name}: {said}");
        }
    }
}

#[test]
fn an_account_logs_in_whatever_its_hosts_as_they_do_not_say_where_they_connect_to() {
    if left_out(&[Part::Provider, Part::Sshd]) {
        return;
    }
    for (key_type, line) in [
        ("ecdsa", "expiration: 24h"),
        ("ed25519", "hosts: [elsewhere.example]"),
    ] {
        let setup = Setup::with(ProviderOptions::default(), &[line]);
        setup.login(&["-t", key_type]);
        for client in CLIENTS {
            let server = Server::ours(&setup.provider, "24h");
            let said = log_in(&setup.home, client, &server.sshd).any_stdout();
            let logs = || server.logs(&setup.home);
            assert!(said.starts_with("listed "), "{client}: {said}{}", logs());
            assert!(
                said.ends_with("-cert-v01@openssh.com\nin\n"),
                "{client}: {said}{}",
                logs()
            );
        }
    }
}

#[test]
fn a_key_for_certain_servers_signs_for_none_of_them() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let agents = Agents::start();
    agents.keygen("key", "ed25519", "256");
    let server = server(&agents.home, "key", "ssh-ed25519");
    agents.home.write(
        ".ssh/known_hosts",
        format!("127.0.0.1 {}\n", server.host_key()),
    );
    let (added, said) =
        agents
            .ours()
            .ssh_add(&["-H", ".ssh/known_hosts", "-h", "127.0.0.1", "key"]);
    assert!(added, "{said}");
    for client in CLIENTS {
        let refused = log_in(&agents.home, client, &server);
        assert_eq!(refused.any_stdout(), "listed ssh-ed25519\n", "{client}");
        let error = refused.refused();
        assert!(error.contains("refused"), "{client}: {error}");
    }
    assert!(!server.log().contains("Accepted publickey"));
}

#[test]
fn of_a_locked_agent_they_see_nothing() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let agents = Agents::start();
    agents.keygen("key", "ed25519", "256");
    agents.ours().ssh_add(&["key"]);
    let server = server(&agents.home, "key", "ssh-ed25519");
    lock(&agents.home);
    for client in CLIENTS {
        let refused = log_in(&agents.home, client, &server);
        assert_eq!(refused.any_stdout(), "", "{client}");
        let error = refused.refused();
        assert!(error.contains("refused"), "{client}: {error}");
    }
}
