//! The question as a desktop notification.

use opkssh_test_support::{Desktop, Notification, left_out};

use super::super::{Hops, PARTS};
use crate::setup::status;

const ONCE: &str = "Once";
const TEN_MINUTES: &str = "10 minutes for this host";
const ALWAYS: &str = "Always through this jump host";
const REFUSE: &str = "Refuse";

impl Hops {
    fn on_a_desktop() -> (Self, Desktop) {
        Self::prepared("", Desktop::start)
    }

    /// Goes on from A to B while the person answers the question, which is the one with this
    /// number. Returns the question, and whether B let the login in.
    fn answered(
        &self,
        desktop: &Desktop,
        number: usize,
        answer: impl FnOnce(&Notification),
    ) -> (Notification, bool) {
        let going = self.two_hops().start();
        let asked = desktop.wait_for(number);
        answer(&asked);
        let went = going.wait();
        desktop.wait_for_close(asked.id);
        (asked, went.success())
    }
}

#[test]
fn each_choice_counts_for_what_it_says() {
    if left_out(&PARTS) {
        return;
    }
    let (hops, desktop) = Hops::on_a_desktop();
    let (asked, let_in) = hops.answered(&desktop, 1, |it| desktop.click(it, ONCE));
    assert!(let_in);
    let question = "Allow use of the account test from another machine?";
    assert_eq!(asked.summary, question);
    for part in [
        "For a login as ",
        "The agent is forwarded to\n- ",
        "Forwarded by ssh (pid ",
    ] {
        assert!(asked.body.contains(part), "{}", asked.body);
    }
    // nobody says yes by a click beside the buttons
    let keys: Vec<_> = asked.actions.chunks(2).map(|pair| &*pair[0]).collect();
    assert!(!keys.contains(&"default"), "{keys:?}");
    let labels: Vec<_> = asked.actions.chunks(2).map(|pair| &*pair[1]).collect();
    assert_eq!(labels, [ONCE, TEN_MINUTES, ALWAYS, REFUSE]);

    let (_, let_in) = hops.answered(&desktop, 2, |it| desktop.click(it, TEN_MINUTES));
    assert!(let_in);
    assert!(hops.two_hops().run().success());
    assert_eq!(desktop.shown().len(), 2);
}

#[test]
fn to_refuse_and_to_close_are_a_no_for_a_minute() {
    if left_out(&PARTS) {
        return;
    }
    let by_button = |desktop: &Desktop, it: &Notification| desktop.click(it, REFUSE);
    let by_closing = |desktop: &Desktop, it: &Notification| desktop.dismiss(it);
    for refuse in [by_button as fn(&Desktop, &Notification), by_closing] {
        let (hops, desktop) = Hops::on_a_desktop();
        let (_, let_in) = hops.answered(&desktop, 1, |it| refuse(&desktop, it));
        assert!(!let_in);
        assert!(!hops.two_hops().run().success());
        assert_eq!(desktop.shown().len(), 1);
        assert!(hops.notices().contains("the answer was no"));
    }
}

#[test]
fn always_through_a_jump_host_stays_until_it_is_revoked_or_logged_out() {
    if left_out(&PARTS) {
        return;
    }
    let (hops, desktop) = Hops::on_a_desktop();
    let home = &hops.setup.home;
    let always = |number| {
        let (_, let_in) = hops.answered(&desktop, number, |it| desktop.click(it, ALWAYS));
        assert!(let_in);
    };
    always(1);
    assert!(hops.two_hops().run().success());
    let report = status(home);
    let jump_host = &report["jump_hosts"][0];
    let name = jump_host["name"].as_str().unwrap().to_owned();
    assert_eq!(name, format!("[127.0.0.1]:{}", hops.a.sshd.port()));
    let text = home.opkssh(["status"]).run().stdout();
    assert!(
        text.contains(&format!("Always via  {name} (SHA256:")),
        "{text}"
    );

    let restart = ["agent", "restart", "--store", "file"];
    home.opkssh(restart).stdin("passphrase\n").run().stdout();
    assert!(hops.two_hops().run().success());
    let refused = home.opkssh(["agent", "distrust", "other"]).run().refused();
    assert!(
        refused.contains("no account is used through other unasked"),
        "{refused}"
    );
    let said = home.opkssh(["agent", "distrust", &name]).run().stdout();
    assert!(
        said.contains(&format!("test: asked again through {name}")),
        "{said}"
    );
    always(2);

    home.opkssh(["logout"]).run().stdout();
    hops.setup.login(&[]);
    assert_eq!(status(home)["jump_hosts"], serde_json::json!([]));
    let (_, let_in) = hops.answered(&desktop, 3, |it| desktop.click(it, REFUSE));
    assert!(!let_in);
}

#[test]
fn a_key_that_asks_has_no_choice_but_yes_and_no() {
    if left_out(&PARTS) {
        return;
    }
    let (hops, desktop) = Hops::on_a_desktop();
    let home = &hops.setup.home;
    let key = home.dir().join("key");
    let make = home.command("ssh-keygen");
    let make = make.args(["-q", "-t", "ed25519", "-N", "", "-C", "my key", "-f"]);
    make.arg(&key).run().stdout();
    let add = hops.setup.with_agent("ssh-add").arg("-c").arg(&key);
    assert!(add.run().success());
    for (number, label, is_yes) in [(1, ONCE, true), (2, REFUSE, false)] {
        let sign = "echo text | ssh-keygen -Y sign -n file -f \"$1\"";
        let signing = hops.setup.with_agent("sh").args(["-c", sign, "sh"]);
        let signing = signing.arg(key.with_extension("pub")).start();
        let asked = desktop.wait_for(number);
        assert_eq!(asked.summary, "Allow use of key my key?");
        assert!(
            asked.body.contains("Key fingerprint SHA256:"),
            "{}",
            asked.body
        );
        let labels: Vec<_> = asked.actions.chunks(2).map(|pair| &*pair[1]).collect();
        assert_eq!(labels, [ONCE, REFUSE]);
        desktop.click(&asked, label);
        assert_eq!(signing.wait().success(), is_yes);
    }
}
