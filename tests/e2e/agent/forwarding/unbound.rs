//! Logins through a forwarded agent that do not name the server they are for.

use opkssh_test_support::left_out;

use super::{Hops, Hosts, PARTS};

#[test]
fn a_login_that_does_not_name_its_server_is_refused_and_status_says_why() {
    if left_out(&PARTS) {
        return;
    }
    let hops = Hops::new(Hosts::Both);
    // as an OpenSSH before 8.9 would, were it to bind
    let unbound = format!(
        "ssh -F {} -o PubkeyAuthentication=unbound b 'echo two hops'",
        hops.config().display()
    );
    let refused = hops.on_a(&unbound).run();
    assert_eq!(refused.code(), Some(255));
    assert_eq!(refused.any_stdout(), "");
    let notices = hops.notices();
    assert!(notices.contains("older than 8.9"), "{notices}");
    // which is about forwarding: here it may
    let here = hops.ssh(&["-o", "PubkeyAuthentication=unbound", "b", "echo one hop"]);
    assert_eq!(here.run().stdout(), "one hop\n");
}
