//! `forwarding: confirm`, which is the default, and `allow_via:`.

mod notification;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use opkssh_test_support::{Home, left_out};

use super::{Hops, Hosts, PARTS};

impl Hops {
    /// Logged in to an account that names both servers, and has this line. `prepare` makes what the
    /// agent finds when it starts.
    pub fn prepared<T>(line: &str, prepare: impl FnOnce(&Home) -> T) -> (Self, T) {
        let hops = Self::logged_out(Hosts::Both);
        hops.configure(line);
        let prepared = prepare(&hops.setup.home);
        hops.setup.login(&[]);
        (hops, prepared)
    }

    fn asked(&self) -> String {
        std::fs::read_to_string(self.setup.home.dir().join("asked")).unwrap_or_default()
    }
}

/// The person answers questions so, and they are in the file `asked`.
pub fn askpass(home: &Home, answer: &str) {
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

#[test]
fn a_second_hop_works_after_a_yes_which_counts_for_a_while() {
    if left_out(&PARTS) {
        return;
    }
    let (hops, ()) = Hops::prepared("", |home| askpass(home, "exit 0"));
    assert_eq!(hops.two_hops().run().stdout(), "two hops\n");
    assert_eq!(hops.two_hops().run().stdout(), "two hops\n");
    let asked = hops.asked();
    let question = "Allow use of the account test from another machine?";
    assert_eq!(asked.matches(question).count(), 1, "{asked}");
    let name = |port: u16| format!("[127.0.0.1]:{port} (host key SHA256:");
    let via = format!("forwarded to\n- {}", name(hops.a.sshd.port()));
    let server = format!("to {}", name(hops.b.sshd.port()));
    for part in [&via, &server, "Forwarded by ssh (pid "] {
        assert!(asked.contains(part), "{asked}");
    }
    // one hop is nobody else's
    assert_eq!(hops.ssh(&["b", "echo one hop"]).run().stdout(), "one hop\n");
    assert_eq!(hops.asked(), asked);
}

#[test]
fn a_no_or_nobody_refuses_and_status_says_what_to_configure() {
    if left_out(&PARTS) {
        return;
    }
    let (hops, ()) = Hops::prepared("", |home| askpass(home, "exit 1"));
    assert_eq!(hops.two_hops().run().code(), Some(255));
    let notices = hops.notices();
    assert!(notices.contains("the answer was no"), "{notices}");
    // the machine in between asks as often as it likes; the person is not asked again for a minute
    assert_eq!(hops.two_hops().run().code(), Some(255));
    assert_eq!(hops.asked().matches("Allow use of").count(), 1);

    let (hops, ()) = Hops::prepared("forwarding: confirm", |_| ());
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
    let (hops, ()) = Hops::prepared("allow_via: [\"local*\"]", |_| ());
    assert_eq!(hops.two_hops().run().stdout(), "two hops\n");
    assert_eq!(hops.notices(), "[]");
}

#[test]
fn confirm_local_asks_for_this_machines_own_logins() {
    if left_out(&PARTS) {
        return;
    }
    let (hops, ()) = Hops::prepared("confirm_local: true", |home| askpass(home, "exit 0"));
    for _ in 0..2 {
        assert_eq!(hops.ssh(&["b", "echo one hop"]).run().stdout(), "one hop\n");
    }
    let asked = hops.asked();
    let question = "Allow use of the account test?\nFor a login as ";
    assert_eq!(asked.matches(question).count(), 1, "{asked}");
    assert!(asked.contains("Asked for by ssh (pid "), "{asked}");
    askpass(&hops.setup.home, "exit 1");
    assert_eq!(hops.ssh(&["a", "true"]).run().code(), Some(255));
    let text = hops.setup.home.opkssh(["status"]).run().stdout();
    assert!(
        text.contains("Local use") && text.contains("the answer was no"),
        "{text}"
    );
}
