//! `forwarding: confirm` and `allow_via:`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use opkssh_test_support::left_out;

use super::{Hops, Hosts, PARTS};

impl Hops {
    /// Logged in; the person answers questions so, if at all, and they are in the file `asked`.
    pub fn confirming(answer: Option<&str>, via: &str) -> Self {
        let hops = Self::logged_out(Hosts::Both);
        let home = &hops.setup.home;
        if let Some(answer) = answer {
            let asked = home.dir().join("asked");
            let text = format!(
                "#!/bin/sh\nprintf '%s\\n' \"$1\" >> {}\n{answer}\n",
                asked.display()
            );
            let program = home.write("askpass", text);
            std::fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
            home.set("SSH_ASKPASS", program);
            home.set("SSH_ASKPASS_REQUIRE", "force");
        }
        hops.configure(&format!("forwarding: confirm\n    {via}"));
        hops.setup.login(&[]);
        hops
    }

    fn asked(&self) -> String {
        std::fs::read_to_string(self.setup.home.dir().join("asked")).unwrap_or_default()
    }
}

#[test]
fn a_second_hop_works_after_a_yes_which_counts_for_a_while() {
    if left_out(&PARTS) {
        return;
    }
    let hops = Hops::confirming(Some("exit 0"), "");
    assert_eq!(hops.two_hops().run().stdout(), "two hops\n");
    assert_eq!(hops.two_hops().run().stdout(), "two hops\n");
    let asked = hops.asked();
    assert_eq!(
        asked.matches("Allow use of the account test").count(),
        1,
        "{asked}"
    );
    let name = |port: u16| format!("[127.0.0.1]:{port} (host key SHA256:");
    let via = format!("forwarded to {}", name(hops.a.sshd.port()));
    let server = format!("to {}", name(hops.b.sshd.port()));
    assert!(asked.contains(&via) && asked.contains(&server), "{asked}");
    // one hop is nobody else's
    assert_eq!(hops.ssh(&["b", "echo one hop"]).run().stdout(), "one hop\n");
    assert_eq!(hops.asked(), asked);
}

#[test]
fn a_no_or_nobody_refuses_and_status_says_what_to_configure() {
    if left_out(&PARTS) {
        return;
    }
    let hops = Hops::confirming(Some("exit 1"), "");
    assert_eq!(hops.two_hops().run().code(), Some(255));
    assert!(
        hops.notices().contains("the answer was no"),
        "{}",
        hops.notices()
    );
    let hops = Hops::confirming(None, "");
    assert_eq!(hops.two_hops().run().code(), Some(255));
    let notices = hops.notices();
    assert!(notices.contains("nobody could be asked"), "{notices}");
    assert!(notices.contains("`allow_via: [HOST]`"), "{notices}");
}

#[test]
fn a_machine_that_allow_via_names_asks_nothing() {
    if left_out(&PARTS) {
        return;
    }
    let hops = Hops::confirming(None, "allow_via: [\"local*\"]");
    assert_eq!(hops.two_hops().run().stdout(), "two hops\n");
    assert_eq!(hops.notices(), "[]");
}
