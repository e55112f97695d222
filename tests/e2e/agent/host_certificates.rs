//! Servers that prove themselves with a host certificate: `hosts:` match the names that its
//! authority gave them, where known_hosts trusts that authority for them.

use std::fs;
use std::path::{Path, PathBuf};

use opkssh_test_support::{Home, Part, ProviderOptions, Run, Sshd, Verifier, left_out};

use crate::agent::servers::{Server, rules};
use crate::setup::{OPKSSH, Setup, status};

const PARTS: [Part; 2] = [Part::Provider, Part::Sshd];

/// What a server's certificate says.
struct Made {
    /// ssh-keygen's name for the host key's type.
    key_type: &'static str,
    principal: &'static str,
    validity: &'static str,
}

const GOOD: Made = Made {
    key_type: "ed25519",
    principal: "localhost",
    validity: "always:forever",
};

/// A person who trusts one authority for localhost, and is logged in.
struct Certified {
    authority: PathBuf,
    known_hosts: PathBuf,
    setup: Setup,
}

impl Certified {
    fn new(hosts: &str, authority_type: &str) -> Self {
        let certified = Self::logged_out(hosts, authority_type);
        certified.setup.login(&[]);
        certified
    }

    fn logged_out(hosts: &str, authority_type: &str) -> Self {
        let hosts = format!("hosts: [{hosts}]");
        let setup = Setup::with(ProviderOptions::default(), &[&hosts, "forwarding: allow"]);
        let authority = make_key(&setup.home, "authority", authority_type);
        let public = fs::read_to_string(authority.with_extension("pub")).unwrap();
        let line = format!("@cert-authority localhost,[localhost]:* {public}");
        let known_hosts = setup.home.write(".ssh/known_hosts", line);
        Self {
            authority,
            known_hosts,
            setup,
        }
    }

    /// A server with a certificate of `authority`, which its visitors trust as this person does.
    fn server(&self, name: &str, made: &Made, authority: &Path) -> Server {
        let home = &self.setup.home;
        let key = make_key(home, name, made.key_type);
        home.command("ssh-keygen")
            .args(["-q", "-h", "-I", name, "-n", made.principal, "-V"])
            .arg(made.validity)
            .arg("-s")
            .args([authority, &key.with_extension("pub")])
            .run()
            .stdout();
        let certificate = home.dir().join(format!("{name}-cert.pub"));
        let config = format!(
            "HostKey {}\nHostCertificate {}",
            key.display(),
            certificate.display()
        );
        let etc = rules(&self.setup.provider, "24h");
        let binary = Path::new(OPKSSH);
        let verifier = Verifier::Ours { binary, etc: &etc };
        let sshd = Sshd::start_with(verifier, &self.setup.provider.ca_file(), &config);
        fs::copy(&self.known_hosts, sshd.known_hosts_file()).unwrap();
        Server {
            sshd,
            etc,
            peer: None,
        }
    }

    /// Through `hop`, with the agent forwarded, on to `server`, by an ssh there that trusts any.
    fn through(&self, hop: &Server, server: &Server) -> Run {
        let trusting = "ssh -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no";
        let inner = format!(
            "{trusting} {} localhost 'echo two hops'",
            server.sshd.ssh_args().join(" ")
        );
        self.setup
            .with_agent("ssh")
            .args(hop.sshd.ssh_args())
            .args(["-A", "localhost", &inner])
    }

    fn notices(&self) -> String {
        status(&self.setup.home)["notices"].to_string()
    }
}

fn make_key(home: &Home, name: &str, key_type: &str) -> PathBuf {
    let file = home.dir().join(name);
    let make = home.command("ssh-keygen").args(["-q", "-N", "", "-t"]);
    make.args([key_type, "-f"]).arg(&file).run().stdout();
    file
}

#[test]
fn ssh_reaches_a_server_by_the_name_in_its_certificate() {
    if left_out(&PARTS) {
        return;
    }
    for (key_type, authority_type) in [("ed25519", "ed25519"), ("ecdsa", "rsa"), ("rsa", "ecdsa")] {
        let certified = Certified::logged_out("localhost", authority_type);
        let made = Made { key_type, ..GOOD };
        let server = certified.server("server", &made, &certified.authority);
        let home = &certified.setup.home;
        let said = server.opkssh_ssh(home).arg("echo in").run();
        assert_eq!(said.stdout(), "in\n");
        let plain = server.plain_ssh(home).args(["-v", "echo in"]).run();
        assert_eq!(plain.any_stdout(), "in\n", "{}", plain.stderr());
        assert!(
            plain.stderr().contains("Server host certificate"),
            "{}",
            plain.stderr()
        );
    }
}

#[test]
fn a_server_whose_certificate_has_other_names_sees_nothing() {
    if left_out(&PARTS) {
        return;
    }
    let certified = Certified::new("\"*.example.com\"", "ed25519");
    let server = certified.server("server", &GOOD, &certified.authority);
    let refused = server.plain_ssh(&certified.setup.home).arg("true").run();
    assert_eq!(refused.code(), Some(255));
    assert!(
        refused.stderr().contains("Permission denied"),
        "{}",
        refused.stderr()
    );
    assert_eq!(server.etc.log(), "", "it learnt who it is");
}

#[test]
fn a_forwarded_agent_logs_in_by_the_name_in_the_certificate() {
    if left_out(&PARTS) {
        return;
    }
    let certified = Certified::new("localhost", "ed25519");
    let [hop, server] =
        ["hop", "server"].map(|name| certified.server(name, &GOOD, &certified.authority));
    let said = certified.through(&hop, &server).run();
    assert_eq!(said.stdout(), "two hops\n");
    server.sshd.wait_for_log("Accepted publickey");
    assert_eq!(certified.notices(), "[]");
}

#[test]
fn a_certificate_that_proves_no_name_logs_in_nowhere_through_a_forwarded_agent() {
    if left_out(&PARTS) {
        return;
    }
    let certified = Certified::new("localhost", "ed25519");
    let hop = certified.server("hop", &GOOD, &certified.authority);
    let nobody = make_key(&certified.setup.home, "nobody", "ed25519");
    let other_name = Made {
        principal: "elsewhere.example.com",
        ..GOOD
    };
    let expired = Made {
        validity: "20200101:20200102",
        ..GOOD
    };
    for (name, made, authority) in [
        ("other-authority", &GOOD, &nobody),
        ("other-name", &other_name, &certified.authority),
        ("expired", &expired, &certified.authority),
    ] {
        let server = certified.server(name, made, authority);
        let refused = certified.through(&hop, &server).run();
        assert_eq!(refused.code(), Some(255), "{name}");
        assert!(
            refused.stderr().contains("Permission denied"),
            "{name}: {}",
            refused.stderr()
        );
        assert_eq!(server.etc.log(), "", "{name} learnt who it is");
    }
    let notices = certified.notices();
    assert_eq!(notices.matches("not offered").count(), 1, "{notices}");
}
