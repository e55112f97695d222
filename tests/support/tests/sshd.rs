//! Proof that the private sshd lets in whom it should, and that clients know it.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

use opkssh_test_support::{Etc, Home, Part, Sshd, Verifier, left_out, write_program};

fn key(home: &Home) -> (String, String) {
    let file = home.dir().join("key");
    home.command("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&file)
        .run()
        .stdout();
    let public = std::fs::read_to_string(file.with_extension("pub")).expect("the public key");
    (file.display().to_string(), public)
}

#[test]
fn a_listed_key_gets_in_and_exit_codes_come_back() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let home = Home::new("/bin/sh");
    let (file, public) = key(&home);
    let sshd = Sshd::start(Verifier::Keys(&public), &home.dir());
    let ssh = |host: &str, what: &str| {
        home.command("ssh")
            .args(sshd.ssh_args())
            .args(["-i", &file, host, what])
            .run()
    };
    assert_eq!(ssh("127.0.0.1", "echo in").stdout(), "in\n");
    assert_eq!(ssh("localhost", "exit 7").code(), Some(7));
    sshd.wait_for_log("Accepted publickey");

    let unknown = Sshd::start(Verifier::Keys(""), &home.dir());
    let refused = home
        .command("ssh")
        .args(unknown.ssh_args())
        .args(["-i", &file, "127.0.0.1", "true"])
        .run();
    assert_eq!(refused.code(), Some(255));
}

#[test]
fn another_host_key_is_noticed() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let home = Home::new("/bin/sh");
    let (file, public) = key(&home);
    let sshd = Sshd::start(Verifier::Keys(&public), &home.dir());
    std::fs::write(sshd.known_hosts_file(), "").expect("known_hosts");
    let output = home
        .command("ssh")
        .args(sshd.ssh_args())
        .args(["-i", &file, "127.0.0.1", "true"])
        .run();
    assert!(
        output.stderr().contains("Host key verification failed"),
        "{}",
        output.stderr()
    );
}

/// A shell script in our verifier's place shows how sshd calls it.
#[test]
fn our_verifier_is_called_with_user_key_and_type() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let home = Home::new("/bin/sh");
    let (file, public) = key(&home);
    let etc = Etc::new();
    etc.write("key", &public);
    let script = home.dir().join("verifier");
    write_program(
        &script,
        "#!/bin/sh\nexec 2>&1\n[ \"$1 $2 $4 $6\" = 'verify --etc --cache --log-file' ] || exit 1\n\
         echo \"$SSL_CERT_FILE $8 $9 ${10}\" >>\"$7\"\ncat \"$3/key\"\n",
    );

    let sshd = Sshd::start(
        Verifier::Ours {
            binary: &script,
            etc: &etc,
        },
        "/the/ca.pem".as_ref(),
    );
    let ssh = home
        .command("ssh")
        .args(sshd.ssh_args())
        .args(["-i", &file, "127.0.0.1", "echo in"])
        .run();
    assert_eq!(ssh.stdout(), "in\n");
    let base64 = public.split(' ').nth(1).expect("the key");
    let seen = format!(
        "/the/ca.pem {} {base64} ssh-ed25519\n",
        opkssh_test_support::user_name()
    );
    assert!(etc.log().contains(&seen), "{}", etc.log());
}

#[test]
fn agent_forwarding_and_scp_work() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let home = Home::new("/bin/sh");
    let (file, public) = key(&home);
    let sshd = Sshd::start(Verifier::Keys(&public), &home.dir());
    let mut agent = home
        .command("ssh-agent")
        .args(["-D", "-a"])
        .arg(home.runtime_dir().join("a"))
        .start();
    agent.wait_for("SSH_AUTH_SOCK");
    home.set("SSH_AUTH_SOCK", home.runtime_dir().join("a"));
    assert!(home.command("ssh-add").args(["-q", &file]).run().success());

    let inner = format!(
        "ssh {} 127.0.0.1 'echo two hops'",
        sshd.ssh_args().join(" ")
    );
    let ssh = home
        .command("ssh")
        .args(sshd.ssh_args())
        .args(["-A", "127.0.0.1", &inner])
        .run();
    assert_eq!(ssh.stdout(), "two hops\n");

    let copy = home.dir().join("copy");
    let from = format!("127.0.0.1:{file}.pub");
    assert!(
        home.command("scp")
            .args(sshd.scp_args())
            .arg(from)
            .arg(&copy)
            .run()
            .success()
    );
    assert_eq!(std::fs::read_to_string(copy).expect("the copy"), public);
}
