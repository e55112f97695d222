//! A keyring that does not answer, as one that waits at a prompt nobody sees.

use opkssh_test_support::{Part, SecretService, Signal, left_out, wait_until};

use super::{index, stored};
use crate::setup::{Setup, kill_daemon, status};

#[test]
fn a_login_is_kept_and_others_are_answered_meanwhile() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let mut keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    let (before, record) = (setup.certificate(), stored(&setup.home));
    keyring.freeze();

    let mut login = setup.home.opkssh(["login"]).start();
    wait_until("the person is done", || {
        (setup.provider.granted("authorization_code") == 2).then_some(())
    });
    assert_eq!(status(&setup.home)["accounts"][0]["state"], "usable");
    setup.home.opkssh(["check"]).run().stdout();
    assert!(!login.has_ended(), "it still waits for the keyring");

    let said = login.wait().stdout();
    let why = "Not stored: the keyring did not answer in time";
    assert!(said.contains(why), "{said}");
    let page = setup.browser.wait_for(2);
    assert!(page.text.contains("alice"), "{page:?}");

    // it is used, and stored when the keyring answers
    assert_ne!(setup.certificate(), before);
    keyring.thaw();
    wait_until("the keyring holds the new login", || {
        let accounts = status(&setup.home)["accounts"].clone();
        accounts[0]["store_error"].is_null().then_some(())
    });
    assert_ne!(stored(&setup.home), record);
    let fingerprint = |setup: &Setup| {
        let accounts = status(&setup.home)["accounts"].clone();
        accounts[0]["fingerprint"].clone()
    };
    let after = fingerprint(&setup);
    kill_daemon(&setup.home);
    setup.home.opkssh(["check"]).run().stdout();
    assert_eq!(fingerprint(&setup), after);
}

#[test]
fn a_first_login_is_kept_in_memory_and_says_so() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let mut keyring = SecretService::start(&setup.home);
    keyring.freeze();
    let said = setup.login(&[]);
    assert!(said.contains("Kept in memory only"), "{said}");
    let status = status(&setup.home);
    assert_eq!(status["accounts"][0]["store"], "memory");
    assert!(!index(&setup.home).contains("test"));

    // the next login finds it again
    keyring.thaw();
    setup.login(&[]);
    assert!(index(&setup.home).contains("\"secret-service\""));
    assert!(stored(&setup.home).is_some());
}

#[test]
fn an_agent_that_starts_before_its_keyring_answers_says_so_and_catches_up() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let mut keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    kill_daemon(&setup.home);
    keyring.freeze();
    setup.home.opkssh(["agent", "start"]).run().stdout();
    let status_then = status(&setup.home);
    assert_eq!(status_then["accounts"], serde_json::json!([]));
    assert_eq!(
        status_then["agent"]["store_reason"],
        "the keyring has not answered yet"
    );
    let notice = status_then["notices"][0]["text"]
        .as_str()
        .unwrap_or_default();
    assert!(
        notice.contains("account test is not usable: it was not read yet"),
        "{status_then}"
    );
    // whoever gives up waiting takes nothing with them
    let mut check = setup.home.opkssh(["check"]).start();
    check.signal(Signal::INT);
    assert!(!check.wait().success());
    let refused = setup.home.opkssh(["check"]).run().inconclusive();
    // the request that hangs, or one behind it
    let reasons = [
        "the keyring did not answer in time",
        "the keyring is still busy",
    ];
    assert!(
        reasons.iter().any(|reason| refused.contains(reason)),
        "{refused}"
    );

    keyring.thaw();
    wait_until("the account is back", || {
        (setup.home.opkssh(["check"]).run().success()).then_some(())
    });
    assert_eq!(status(&setup.home)["notices"], serde_json::json!([]));
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
}
