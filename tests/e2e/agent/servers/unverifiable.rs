//! Servers whose host key or signature the agent cannot check.

use std::path::{Path, PathBuf};

use opkssh_test_support::{Home, Part, ProviderOptions, Run, Sshd, Verifier, left_out};

use super::{Server, rules};
use crate::agent::sockets::raw::{IDENTITIES_ANSWER, REQUEST_IDENTITIES, Raw, string};
use crate::setup::{OPKSSH, Setup, agent_socket, status};

const PARTS: [Part; 2] = [Part::Provider, Part::Sshd];

struct WithKey {
    server: Server,
    setup: Setup,
    algorithm: String,
    key: PathBuf,
}

impl WithKey {
    /// Known by its RSA key, with which it signs by `algorithm`.
    fn rsa(line: &str, bits: &str, algorithm: &str) -> Self {
        Self::new(line, "rsa", bits, algorithm)
    }

    fn new(line: &str, key_type: &str, bits: &str, algorithm: &str) -> Self {
        let setup = Setup::with(ProviderOptions::default(), &[line]);
        setup.login(&[]);
        let key = make_key(&setup.home, key_type, bits);
        let etc = rules(&setup.provider, "24h");
        let binary = Path::new(OPKSSH);
        let verifier = Verifier::Ours { binary, etc: &etc };
        let config = format!("HostKey {}\nHostKeyAlgorithms {algorithm}", key.display());
        let sshd = Sshd::start_with(verifier, &setup.provider.ca_file(), &config);
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        let known = format!("[localhost]:{} {public}", sshd.port());
        std::fs::write(sshd.known_hosts_file(), &known).unwrap();
        setup.home.write(".ssh/known_hosts", known);
        let peer = None;
        Self {
            server: Server { sshd, etc, peer },
            setup,
            algorithm: algorithm.to_owned(),
            key,
        }
    }

    fn public(&self) -> String {
        std::fs::read_to_string(self.key.with_extension("pub")).unwrap()
    }

    fn ssh(&self) -> Run {
        let algorithm = format!("HostKeyAlgorithms={}", self.algorithm);
        let ssh = self.server.plain_ssh(&self.setup.home);
        // the host is there already
        let ssh = ssh.args(["-o", &algorithm]);
        ssh.arg("echo in")
    }

    fn notices(&self) -> String {
        status(&self.setup.home)["notices"].to_string()
    }
}

fn make_key(home: &Home, key_type: &str, bits: &str) -> PathBuf {
    let file = home.dir().join("host_key");
    let make = home.command("ssh-keygen").args(["-q", "-N", ""]);
    let make = make.args(["-t", key_type, "-b", bits, "-f"]);
    make.arg(&file).run().stdout();
    file
}

#[test]
fn an_rsa_key_of_more_than_4096_bits_proves_its_server() {
    if left_out(&PARTS) {
        return;
    }
    let known = WithKey::rsa("hosts: [localhost]", "4224", "rsa-sha2-512");
    assert_eq!(known.ssh().run().stdout(), "in\n");
    assert_eq!(known.notices(), "[]");
}

#[test]
fn a_signature_that_cannot_be_checked_is_of_a_server_without_a_name() {
    if left_out(&PARTS) {
        return;
    }
    let without_hosts = WithKey::rsa("", "2048", "ssh-rsa");
    let entered = without_hosts.ssh().run();
    assert_eq!(entered.any_stdout(), "in\n", "{}", entered.stderr());
    let notices = without_hosts.notices();
    assert!(notices.contains("SHA-1"), "{notices}");

    let with_hosts = WithKey::rsa("hosts: [localhost]", "2048", "ssh-rsa");
    let refused = with_hosts.ssh().run();
    assert_eq!(refused.code(), Some(255));
    assert_eq!(with_hosts.server.etc.log(), "", "it learnt who it is");
    let notices = with_hosts.notices();
    assert!(notices.contains("SHA-1"), "{notices}");
}

#[test]
fn a_key_that_was_not_proved_is_a_forge_s_or_revoked_all_the_same() {
    if left_out(&PARTS) {
        return;
    }
    let server = WithKey::rsa("", "2048", "ssh-rsa");
    let public = server.public();
    for names in ["github.com", "@revoked *"] {
        let line = format!("{names} {public}");
        server.setup.home.write(".ssh/known_hosts", line);
        assert_eq!(server.ssh().run().code(), Some(255));
        assert_eq!(server.server.etc.log(), "", "{names}: it learnt who it is");
    }
}

#[test]
fn keys_of_the_larger_curves_prove_their_servers() {
    if left_out(&PARTS) {
        return;
    }
    for bits in ["384", "521"] {
        let algorithm = format!("ecdsa-sha2-nistp{bits}");
        let known = WithKey::new("hosts: [localhost]", "ecdsa", bits, &algorithm);
        assert_eq!(known.ssh().run().stdout(), "in\n");
        assert_eq!(known.notices(), "[]");
    }
}

#[test]
fn a_key_of_an_unknown_type_makes_a_forwarded_connection_see_nothing() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    for (forwarding, seen, cause) in [
        (0, 1, "counts as one without a name"),
        (1, 0, "counts as forwarded"),
    ] {
        let key = [string(b"new@example.com"), string(b"key")].concat();
        let bind = [
            &[27][..],
            &string(b"session-bind@openssh.com"),
            &string(&key),
            &string(b"id"),
            &string(b"signature"),
            &[forwarding],
        ];
        let mut agent = Raw::connect(&agent_socket(&setup.home));
        agent.ask(&bind.concat());
        let listed = agent.ask(&[REQUEST_IDENTITIES]);
        assert_eq!(listed[..5], [IDENTITIES_ANSWER, 0, 0, 0, seen]);
        let notices = status(&setup.home)["notices"].to_string();
        assert!(notices.contains("type are not supported"), "{notices}");
        assert!(notices.contains(cause), "{notices}");
    }
}
