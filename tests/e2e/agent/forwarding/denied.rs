//! `forwarding:` of an account.

use opkssh_test_support::left_out;

use super::{Hops, Hosts, PARTS};
use crate::setup::{entry, write_config};

impl Hops {
    /// The account names both servers, and has this line.
    pub fn configure(&self, line: &str) {
        let provider = &self.setup.provider;
        let lines = ["hosts: [\"local*\"]", line];
        let entry = entry("test", provider.issuer(), provider.client(), &lines);
        write_config(&self.setup.home, &[entry]);
    }
}

#[test]
fn forwarding_deny_forbids_signatures_through_a_forwarded_agent() {
    if left_out(&PARTS) {
        return;
    }
    let hops = Hops::new(Hosts::Pattern);
    hops.configure("forwarding: allow");
    assert_eq!(hops.two_hops().run().stdout(), "two hops\n");
    let logged = hops.b.etc.log();
    hops.configure("forwarding: deny");
    let refused = hops.two_hops().run();
    assert_eq!(refused.code(), Some(255));
    assert_eq!(hops.b.etc.log(), logged, "B saw the certificate");
    let notices = hops.notices();
    assert!(notices.contains("`forwarding: deny`"), "{notices}");
    // which is about forwarding
    assert_eq!(hops.ssh(&["b", "echo one hop"]).run().stdout(), "one hop\n");
}

#[test]
fn other_values_of_forwarding_are_errors() {
    if left_out(&PARTS) {
        return;
    }
    let hops = Hops::logged_out(Hosts::Both);
    for (word, why) in [
        (
            "dney",
            "forwarding: \"dney\" is none of allow, confirm, deny",
        ),
        ("[deny]", "forwarding must be"),
    ] {
        hops.configure(&format!("forwarding: {word}"));
        let refused = hops.setup.home.opkssh(["login"]).run().refused();
        assert!(refused.contains("config.yml:"), "{refused}");
        assert!(refused.contains(why), "{refused}");
    }
    assert_eq!(hops.setup.provider.authorizations(), 0);
}
