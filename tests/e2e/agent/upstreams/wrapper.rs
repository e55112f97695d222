//! `opkssh ssh` keeps the keys of the agent that the command had.

use std::path::Path;

use opkssh_test_support::{Part, Sshd, Verifier, left_out, wait_until};

use crate::setup::Setup;

#[test]
fn opkssh_ssh_reaches_a_host_that_knows_a_plain_key_only() {
    if left_out(&[Part::Provider, Part::Sshd]) {
        return;
    }
    let setup = Setup::new();
    // the agent was started elsewhere, and knows nothing of this one
    setup.login(&[]);
    let home = &setup.home;
    let (key, socket) = (
        home.dir().join("key"),
        home.runtime_dir().join("theirs.sock"),
    );
    let keygen = home.command("ssh-keygen");
    let keygen = keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
    keygen.arg(&key).run().stdout();
    let _theirs = home
        .command("ssh-agent")
        .args(["-D", "-a"])
        .arg(&socket)
        .start();
    wait_until("ssh-agent", || socket.exists().then_some(()));
    let add = home.command("ssh-add").env("SSH_AUTH_SOCK", &socket);
    assert!(add.arg(&key).run().success());

    let public = std::fs::read_to_string(home.dir().join("key.pub")).unwrap();
    let server = Sshd::start(Verifier::Keys(&public), Path::new("/dev/null"));
    // only the agent has the key
    std::fs::remove_file(&key).unwrap();
    let ssh = |with_agent: bool| {
        let ssh = home.opkssh(["ssh"]).args(server.ssh_args());
        let ssh = ssh.args(["localhost", "echo in"]);
        match with_agent {
            true => ssh.env("SSH_AUTH_SOCK", &socket).run(),
            false => ssh.run(),
        }
    };
    assert_eq!(ssh(true).any_stdout(), "in\n");
    assert_eq!(ssh(false).any_stdout(), "", "that key was none of ours");
}
