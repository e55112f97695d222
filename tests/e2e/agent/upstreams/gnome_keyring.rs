//! GNOME's keyring, which is an ssh-agent as well.

use opkssh_test_support::{Part, SecretService, left_out, wait_until};

use super::comments;
use crate::agent::added_keys::Agents;

#[test]
fn keys_in_gnome_s_keyring_are_served_by_its_name() {
    if left_out(&[Part::Keyring]) {
        return;
    }
    let agents = Agents::start();
    let _keyring = SecretService::start(&agents.home);
    let start = agents.home.command("gnome-keyring-daemon");
    let start = start.args(["--foreground", "--components=ssh", "--control-directory"]);
    let directory = agents.home.runtime_dir().join("keyring");
    let _ssh = start.arg(&directory).start();
    let socket = directory.join("ssh");
    wait_until("gnome-keyring's agent", || socket.exists().then_some(()));
    agents.keygen("key", "ed25519", "256");
    let added = agents
        .home
        .command("ssh-add")
        .env("SSH_AUTH_SOCK", &socket)
        .arg("key")
        .run();
    assert!(added.success(), "{}", added.stderr());
    let config = "agent:\n  upstream: [gnome-keyring]\n";
    agents.home.write(".opk/config.yml", config);
    let ours = agents.ours();
    assert_eq!(comments(&ours.list()), ["key"]);
    let (good, said) = ours.ssh_add(&["-T", "key.pub"]);
    assert!(good, "{said}");
}
