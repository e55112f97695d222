//! Accounts beside added keys.

use std::path::Path;

use opkssh_test_support::{Part, ProviderOptions, Sshd, Verifier, left_out};

use crate::agent::servers::rules;
use crate::setup::{OPKSSH, Setup, entry, write_config};

#[test]
fn an_account_that_names_the_server_needs_one_try_beside_thirty_keys() {
    if left_out(&[Part::Provider, Part::Sshd]) {
        return;
    }
    let setup = Setup::with(ProviderOptions::default(), &[]);
    let etc = rules(&setup.provider, "24h");
    let verifier = Verifier::Ours {
        binary: Path::new(OPKSSH),
        etc: &etc,
    };
    let once = "MaxAuthTries 1";
    let server = Sshd::start_with(verifier, &setup.provider.ca_file(), once);
    setup.knows(&[&server]);
    let hosts = format!("hosts: [\"[localhost]:{}\"]", server.port());
    let (issuer, client) = (setup.provider.issuer(), setup.provider.client());
    write_config(&setup.home, &[entry("test", issuer, client, &[&hosts])]);
    setup.home.opkssh(["agent", "start"]).run().stdout();
    setup.add_keys(30);
    setup.login(&[]);
    let ssh = setup.with_agent("ssh").args(server.ssh_args());
    let said = ssh.args(["localhost", "echo in"]).run();
    assert_eq!(said.stdout(), "in\n");
}
