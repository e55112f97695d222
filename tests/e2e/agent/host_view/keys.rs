//! Keys from `ssh-add` and of another agent.

use opkssh_test_support::{Part, ProviderOptions, left_out};

use super::{Servers, pairs};
use crate::agent::lock::{lock, unlock};
use crate::agent::upstreams::in_a_row;
use crate::setup::Setup;

#[test]
fn keys_are_offered_by_source_and_by_their_destinations() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let agents = in_a_row();
    let servers = Servers::new(&agents.home, &["web", "other"], &["web", "other"]);
    for name in ["plain", "here", "elsewhere", "both", "theirs"] {
        agents.keygen(name, "ed25519", "256");
    }
    let (ours, theirs) = (agents.ours(), agents.theirs());
    let known_hosts = agents.home.dir().join(".ssh/known_hosts");
    let known_hosts = known_hosts.display().to_string();
    for key in ["both", "theirs"] {
        theirs.ssh_add(&[key]);
    }
    ours.ssh_add(&["plain"]);
    for (host, key) in [("web", "here"), ("other", "elsewhere")] {
        let (added, said) = ours.ssh_add(&["-H", &known_hosts, "-h", host, key]);
        assert!(added, "{said}");
    }
    ours.ssh_add(&["both"]);
    let (offered, hidden) = servers.view("web");
    assert_eq!(offered, ["plain", "here", "both", "theirs"]);
    let why = [("elsewhere", "destination"), ("both", "duplicate")];
    assert_eq!(hidden, pairs(&why));
    let (_, said) = servers.status("web");
    assert_eq!(said["offered"][0]["source"]["kind"], "ssh-add");
    let socket = theirs.socket.display().to_string();
    assert_eq!(said["offered"][3]["source"]["kind"], "upstream");
    assert_eq!(said["offered"][3]["source"]["socket"], socket);

    lock(&agents.home);
    let (offered, hidden) = servers.view("web");
    assert_eq!(offered, [""; 0]);
    assert_eq!(hidden.len(), 4, "the other agent is not asked");
    assert!(hidden.iter().all(|(_, why)| why == "locked"), "{hidden:?}");
    unlock(&agents.home);
    assert_eq!(
        servers.view("other").0,
        ["plain", "elsewhere", "both", "theirs"]
    );
}

#[test]
fn an_account_that_names_the_server_is_the_first_of_thirty_one() {
    if left_out(&[Part::Provider, Part::Sshd]) {
        return;
    }
    let setup = Setup::with(ProviderOptions::default(), &["hosts: [web]"]);
    setup.home.opkssh(["agent", "start"]).run().stdout();
    setup.add_keys(30);
    setup.login(&[]);
    let servers = Servers::new(&setup.home, &["web"], &["web"]);
    let (offered, hidden) = servers.view("web");
    assert_eq!(offered[0], "test");
    assert_eq!((offered.len(), hidden.len()), (31, 0));
}
