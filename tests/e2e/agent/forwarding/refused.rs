//! What a machine that the agent is forwarded to cannot get.

use std::path::Path;

use opkssh_test_support::{left_out, user_name};

use super::{Hops, Hosts, PARTS};
use crate::agent::servers::{STAY, our_verify};
use crate::agent::sockets::raw::{
    FAILURE, IDENTITIES_ANSWER, REQUEST_IDENTITIES, Raw, first_identity, forged_bind, sign_request,
    string,
};
use crate::setup::agent_socket;

#[test]
fn a_second_hop_that_hosts_do_not_name_is_refused_and_status_says_why() {
    if left_out(&PARTS) {
        return;
    }
    for hosts in [Hosts::None, Hosts::OnlyA] {
        let hops = Hops::new(hosts);
        assert_eq!(hops.on_a("echo on a").run().stdout(), "on a\n");
        let refused = hops.two_hops().run();
        assert_eq!(refused.code(), Some(255));
        assert_eq!(refused.any_stdout(), "");
        assert!(
            refused.stderr().contains("Permission denied"),
            "{}",
            refused.stderr()
        );
        let notices = hops.notices();
        assert!(
            notices.contains("not offered: test: asked for through a forwarded agent for a server that its `hosts:` do not name"),
            "{notices}"
        );
        // nor did B learn who it is
        assert_eq!(hops.b.etc.log(), "");
    }
}

#[test]
fn a_server_that_known_hosts_does_not_know_has_no_name_to_match() {
    if left_out(&PARTS) {
        return;
    }
    let hops = Hops::new(Hosts::Pattern);
    hops.setup.knows(&[&hops.a.sshd]);
    // the ssh on A knows B, the agent does not
    let inner = format!(
        "ssh -F {} -o UserKnownHostsFile={} b true",
        hops.config().display(),
        hops.b.sshd.known_hosts_file().display()
    );
    let refused = hops.on_a(&inner).run();
    assert_eq!(refused.code(), Some(255));
    assert!(
        hops.notices().contains("known_hosts does not know"),
        "{}",
        hops.notices()
    );
}

#[test]
fn a_forwarded_agent_lists_nothing() {
    if left_out(&PARTS) {
        return;
    }
    for hosts in [Hosts::None, Hosts::Both] {
        let hops = Hops::new(hosts);
        for command in ["ssh-add -l", "ssh-add -L"] {
            let said = hops.on_a(command).run();
            assert_eq!(said.code(), Some(1));
            assert_eq!(
                said.any_stdout(),
                "The agent has no identities.\n",
                "{}",
                said.stderr()
            );
            // which is about forwarding: here it has one
            let here = hops.setup.with_agent("sh").args(["-c", command]).run();
            assert!(here.stdout().contains("ECDSA-CERT") || command == "ssh-add -L");
        }
    }
}

#[test]
fn a_forwarded_agent_signs_no_files() {
    if left_out(&PARTS) {
        return;
    }
    let hops = Hops::new(Hosts::Both);
    let (home, certificate) = (&hops.setup.home, hops.setup.certificate());
    let line = our_verify(home, &hops.a.etc, &user_name(), &certificate).stdout();
    let key: Vec<_> = line.split_whitespace().skip(1).collect();
    for (name, public) in [("key.pub", key.join(" ")), ("cert.pub", certificate)] {
        let file = home.write(name, public + "\n").display().to_string();
        let sign = format!("echo anything | ssh-keygen -Y sign -n file -f {file}");
        let refused = hops.on_a(&sign).run();
        assert!(!refused.success(), "{name} signed");
        assert!(!refused.any_stdout().contains("SSH SIGNATURE"));
        assert!(
            refused.stderr().contains("No private key found"),
            "{}",
            refused.stderr()
        );
    }
    // which is about forwarding: here it signs
    let file = home.dir().join("cert.pub");
    let sign = "echo anything | ssh-keygen -Y sign -n file -f \"$1\"";
    let here = hops
        .setup
        .with_agent("sh")
        .args(["-c", sign, "sh"])
        .arg(file)
        .run();
    assert!(here.stdout().contains("BEGIN SSH SIGNATURE"));
}

/// A server that was broken into need not use ssh: it has the forwarded socket.
#[test]
fn a_forwarded_socket_signs_nothing_whatever_is_said_on_it() {
    if left_out(&PARTS) {
        return;
    }
    let hops = Hops::new(Hosts::Both);
    let certificate =
        first_identity(&Raw::connect(&agent_socket(&hops.setup.home)).ask(&[REQUEST_IDENTITIES]));
    let certificate = certificate.unwrap();
    let mut session = hops
        .on_a(&format!("echo socket=$SSH_AUTH_SOCK; {STAY}"))
        .start();
    session.wait_for("\n");
    let socket = session
        .stdout_so_far()
        .trim()
        .trim_start_matches("socket=")
        .to_owned();
    let mut forwarded = Raw::connect(Path::new(&socket));
    assert_eq!(
        forwarded.ask(&[REQUEST_IDENTITIES]),
        [IDENTITIES_ANSWER, 0, 0, 0, 0]
    );
    let login = [&string(&[7; 32])[..], &[50], &string(b"root")].concat();
    for data in [&b"anything"[..], b"", b"SSHSIG", &login] {
        assert_eq!(forwarded.ask(&sign_request(&certificate, data)), [FAILURE]);
    }
    let notices = hops.notices();
    assert!(
        notices.contains("forwarded agent that does not say for which server"),
        "{notices}"
    );
    // a bind that nobody signed makes nothing better
    assert_ne!(forwarded.ask(&forged_bind()), [6]);
    assert_eq!(
        forwarded.ask(&sign_request(&certificate, b"anything")),
        [FAILURE]
    );
    assert_eq!(
        forwarded.ask(&[REQUEST_IDENTITIES]),
        [IDENTITIES_ANSWER, 0, 0, 0, 0]
    );
    session.kill();
}

#[test]
fn a_forwarded_agent_takes_no_orders() {
    if left_out(&PARTS) {
        return;
    }
    let hops = Hops::new(Hosts::Both);
    let before = hops.setup.certificate();
    let key = hops.setup.home.dir().join("intruder");
    let make = hops
        .setup
        .home
        .command("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"]);
    make.arg(&key).run().stdout();
    for command in [
        format!("ssh-add -q {}", key.display()),
        "ssh-add -D".to_owned(),
    ] {
        assert_ne!(hops.on_a(&command).run().code(), Some(0), "{command}");
    }
    let locked = hops
        .on_a("printf 'x\\nx\\n' | SSH_ASKPASS=/bin/false ssh-add -x")
        .run();
    assert_ne!(locked.code(), Some(0));
    assert_eq!(hops.setup.certificate(), before);
}

/// No forwarding here: the certificate holds mail address and groups, and B is not meant to see it.
#[test]
fn a_server_that_hosts_do_not_name_never_sees_the_certificate() {
    if left_out(&PARTS) {
        return;
    }
    let hops = Hops::new(Hosts::OnlyA);
    let refused = hops.ssh(&["b", "true"]).run();
    assert_eq!(refused.code(), Some(255));
    assert_eq!(hops.b.etc.log(), "");
    assert_eq!(hops.ssh(&["a", "echo in"]).run().stdout(), "in\n");
    assert!(hops.a.etc.log().contains("successfully verified"));
}
