//! We and Go's opkssh, both directions.

mod add;
mod renewed;

use std::fs;

use opkssh_test_support::{Etc, GoPeer, Part, Provider, ProviderOptions, left_out, user_name};

use crate::agent::servers::{Server, our_verify, rules};
use crate::setup::Setup;

pub const PARTS: [Part; 2] = [Part::Provider, Part::Go];

/// Go's verify and ours accept it, and give sshd the same line to the byte.
fn both_accept(setup: &Setup, certificate: &str) -> String {
    let (etc, user) = (rules(&setup.provider, "24h"), user_name());
    let go = GoPeer::new().verify(&etc, &user, certificate, &setup.provider.ca_file());
    let ours = our_verify(&setup.home, &etc, &user, certificate).stdout();
    assert_eq!(ours, go.stdout());
    assert!(
        ours.starts_with("cert-authority,principals=\"opkssh-wildcard\" "),
        "{ours}"
    );
    ours
}

#[test]
fn go_accepts_a_login_into_our_agent_with_either_key_type() {
    if left_out(&PARTS) {
        return;
    }
    for (args, key_type) in [
        (&[][..], "ecdsa-sha2-nistp256"),
        (&["-t", "ed25519"], "ssh-ed25519"),
    ] {
        let setup = Setup::new();
        setup.login(args);
        let line = both_accept(&setup, &setup.certificate());
        assert_eq!(line.split(' ').nth(1), Some(key_type), "{line}");
    }
}

#[test]
fn go_accepts_key_files_of_ours_with_either_key_type() {
    if left_out(&PARTS) || left_out(&[Part::Sshd]) {
        return;
    }
    let setup = Setup::new();
    let server = Server::go(&setup.provider, "24h");
    for (key_type, name) in [("ecdsa", "one"), ("ed25519", "two")] {
        let key = setup.home.dir().join(name);
        setup.login(&["-t", key_type, "-i", &key.display().to_string()]);
        let certificate =
            fs::read_to_string(key.with_file_name(format!("{name}-cert.pub"))).unwrap();
        both_accept(&setup, &certificate);
        let said = setup
            .home
            .command("ssh")
            .args(server.sshd.ssh_args())
            .arg("-i")
            .arg(&key)
            .args(["127.0.0.1", "echo in"])
            .run();
        assert_eq!(said.stdout(), "in\n");
    }
}

#[test]
fn our_verify_accepts_a_login_of_go_s_with_either_key_type() {
    if left_out(&PARTS) || left_out(&[Part::Sshd]) {
        return;
    }
    let setup = Setup::new();
    let (peer, server) = (GoPeer::new(), Server::ours(&setup.provider, "24h"));
    for (key_type, name) in [("ecdsa", "one"), ("ed25519", "two")] {
        let key = setup.home.dir().join(name);
        peer.login(&setup.home, &setup.provider, &key, &["-t", key_type])
            .stdout();
        let certificate =
            fs::read_to_string(key.with_file_name(format!("{name}-cert.pub"))).unwrap();
        both_accept(&setup, &certificate);
        let said = setup
            .home
            .command("ssh")
            .args(server.sshd.ssh_args())
            .arg("-i")
            .arg(&key)
            .args(["127.0.0.1", "echo in"])
            .run();
        assert_eq!(said.stdout(), "in\n");
    }
}

#[test]
fn both_refuse_the_same_strangers() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let (certificate, user, peer) = (setup.certificate(), user_name(), GoPeer::new());
    let (issuer, client) = (setup.provider.issuer(), setup.provider.client_id());
    let slash = format!("{issuer}/");
    let other = Provider::start(ProviderOptions::default());
    let no_row = "no policy to allow alice@example.com";
    for (why, etc) in [
        (no_row, rules_for(issuer, client, "bob@example.com", issuer)),
        (
            no_row,
            rules_for(issuer, client, "alice@example.com", &slash),
        ),
        (
            "does not contain clientID",
            rules_for(issuer, "another-client", "alice@example.com", issuer),
        ),
        (
            "unrecognized issuer",
            rules_for(&slash, client, "alice@example.com", issuer),
        ),
        (
            "unrecognized issuer",
            rules_for(other.issuer(), client, "alice@example.com", other.issuer()),
        ),
    ] {
        let ours = our_verify(&setup.home, &etc, &user, &certificate);
        assert!(ours.refused().contains(why), "{why}: {}", ours.stderr());
        assert!(etc.log().contains(why), "{why}: {}", etc.log());
        let gos = peer.verify(&etc, &user, &certificate, &setup.provider.ca_file());
        assert!(!gos.refused().is_empty(), "{why}: Go gives no reason");
        assert_eq!(ours.any_stdout() + &gos.any_stdout(), "", "{why}");
    }
}

fn rules_for(issuer: &str, client: &str, identity: &str, at: &str) -> Etc {
    Etc::new()
        .provider(issuer, client, "24h")
        .allow(&user_name(), identity, at)
}
