//! A keyring that dies, and a D-Bus that is not there: the daemon goes on, says so, and catches up.

use opkssh_test_support::{Part, ProviderOptions, SecretService, left_out, wait_until};
use serde_json::Value;

use super::stored;
use crate::setup::{Setup, daemon_pid, kill_daemon, status};

fn short_lived() -> ProviderOptions {
    ProviderOptions {
        id_token_ttl: 14,
        ..ProviderOptions::default()
    }
}

fn account(setup: &Setup) -> Value {
    status(&setup.home)["accounts"][0].clone()
}

fn text<'a>(account: &'a Value, name: &str) -> &'a str {
    account[name].as_str().unwrap_or_default()
}

/// What is in memory is listed and signs.
fn signs(setup: &Setup) {
    setup.signs_for(&setup.certificate());
}

#[test]
fn killed_in_the_middle_of_a_save_the_newest_record_lands_when_it_is_back() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::with(short_lived(), &["expiration: oidc"]);
    let mut keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    let daemon = daemon_pid(&setup.home);
    // the provider rotates: what it answers now is the only refresh token that will be good
    setup.provider.set_id_token_ttl(3600);
    setup.provider.hold("/token");
    let asked = || setup.provider.requests("/token");
    let before = asked();
    wait_until("a renewal waits for its answer", || {
        (asked() > before).then_some(())
    });
    let outstanding = stored(&setup.home).expect("a record");
    assert_eq!(outstanding["refreshing"], true);
    keyring.freeze();
    assert_eq!(setup.provider.release("/token"), 1);
    wait_until("the provider has answered", || {
        (setup.provider.granted("refresh_token") == 2).then_some(())
    });
    keyring.kill();

    // the answer is not lost: it is used, and status says where it is not yet
    let unsaved = wait_until("the agent knows that it is not stored", || {
        Some(account(&setup)).filter(|account| account["store_error"].is_string())
    });
    assert!(!text(&unsaved, "store_error").is_empty());
    wait_until("the renewed token is in use", || {
        (account(&setup)["state"] == "usable").then_some(())
    });
    // in other words from one try to the next
    wait_until("status says it", || {
        let error = account(&setup)["store_error"].as_str()?.to_owned();
        let shown = setup.home.opkssh(["status"]).run().stdout();
        shown.contains(&error).then_some(())
    });
    signs(&setup);
    // an account keeps its store, and none is set up for nothing
    let move_it = ["agent", "restart", "--store", "file"];
    let refused = setup.home.opkssh(move_it).stdin("a passphrase").run();
    let refused = refused.refused();
    let why = "Error: account test is not in the keyring: ";
    assert!(refused.starts_with(why), "{refused}");
    assert_eq!(daemon_pid(&setup.home), daemon);
    assert!(!setup.home.dir().join(".local/state/opkssh/store").exists());

    keyring.restart();
    wait_until("the newest record is in the keyring", || {
        let landed = stored(&setup.home)?;
        let newer = landed["generation"].as_u64() > outstanding["generation"].as_u64();
        let new_token = landed["refresh_token"] != outstanding["refresh_token"];
        (newer && new_token && landed["refreshing"] == false).then_some(())
    });
    assert!(account(&setup)["store_error"].is_null());
    assert_eq!(daemon_pid(&setup.home), daemon, "it went on all the time");

    // which the next agent goes on with
    kill_daemon(&setup.home);
    setup.home.opkssh(["check", "--for", "30m"]).run().stdout();
    signs(&setup);
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
}

#[test]
fn without_a_d_bus_from_the_start_the_account_waits_and_comes_back() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    kill_daemon(&setup.home);
    drop(keyring);
    setup.home.opkssh(["agent", "start"]).run().stdout();
    let refused = setup.home.opkssh(["check"]).run().inconclusive();
    assert!(
        refused.contains("account test is in the keyring, but the keyring cannot be used: "),
        "{refused}"
    );
    let status_then = status(&setup.home);
    let notice = status_then["notices"][0]["text"]
        .as_str()
        .unwrap_or_default();
    assert!(notice.contains("account test is not usable"), "{notice}");
    let daemon = daemon_pid(&setup.home);

    let _keyring = SecretService::start(&setup.home);
    wait_until("the account is back", || {
        (setup.home.opkssh(["check"]).run().success()).then_some(())
    });
    signs(&setup);
    assert_eq!(daemon_pid(&setup.home), daemon);
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
}

#[test]
fn when_d_bus_dies_no_refresh_token_is_spent_until_it_is_back() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::with(short_lived(), &["expiration: oidc"]);
    let keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    let daemon = daemon_pid(&setup.home);
    let before = setup.provider.asked("refresh_token");
    drop(keyring);
    let waiting = wait_until("a renewal is due and waits", || {
        let words = "it waits until its result can be stored";
        Some(account(&setup)).filter(|account| text(account, "last_error").contains(words))
    });
    assert!(waiting["store_error"].is_string(), "{waiting}");
    assert_eq!(waiting["renewal"], "by-itself");
    signs(&setup);
    assert_eq!(
        setup.provider.asked("refresh_token"),
        before,
        "a token was spent whose successor could not be stored"
    );

    setup.provider.set_id_token_ttl(3600);
    let _keyring = SecretService::start(&setup.home);
    wait_until("it is renewed and stored", || {
        let _ = setup.home.opkssh(["check"]).run();
        let now = account(&setup);
        let well = now["last_error"].is_null() && now["store_error"].is_null();
        (well && now["state"] == "usable").then_some(())
    });
    assert_eq!(setup.provider.asked("refresh_token"), before + 1);
    let landed = stored(&setup.home).expect("a record");
    assert_eq!(landed["refreshing"], false);
    assert_eq!(daemon_pid(&setup.home), daemon);
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
}
