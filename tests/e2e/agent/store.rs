//! Where secrets rest: in the real Secret Service, in memory without one, and in no file.

mod faults;
mod file;
mod frozen;
pub mod secrets;

use opkssh_test_support::{Home, Keyring, Part, SecretService, left_out, wait_until};
use serde_json::Value;

use crate::setup::{Setup, kill_daemon, status};

/// What the keyring holds for the account `test`, if anything.
pub fn stored(home: &Home) -> Option<Value> {
    let text = stored_text(home);
    (!text.is_empty()).then(|| serde_json::from_str(&text).expect("a record"))
}

/// The same as it is, sealed perhaps; empty: nothing.
pub fn stored_text(home: &Home) -> String {
    let found = home
        .command("secret-tool")
        .args(["lookup", "service", "opkssh-agent", "username", "test"])
        .run();
    found.any_stdout()
}

/// `accounts.json`.
pub fn index(home: &Home) -> String {
    let file = home.dir().join(".local/state/opkssh/accounts.json");
    std::fs::read_to_string(file).unwrap_or_default()
}

#[test]
fn a_killed_agent_comes_back_with_everything() {
    comes_back(Keyring::Gnome);
}

#[test]
fn a_killed_agent_comes_back_with_everything_from_oo7() {
    comes_back(Keyring::Oo7);
}

#[test]
fn an_idle_agent_leaves_the_bus_and_finds_its_way_back() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    // the keyring's own connections, and dbus-send's
    let connections = || {
        let call = setup.home.command("dbus-send").args([
            "--session",
            "--print-reply",
            "--dest=org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus.ListNames",
        ]);
        call.run().stdout().matches("\":1.").count()
    };
    let without = connections();
    setup.login(&[]);
    assert!(connections() > without, "it has a connection now");
    wait_until("the connection is gone", || {
        (connections() == without).then_some(())
    });
    assert!(stored(&setup.home).is_some());
    setup.home.opkssh(["logout"]).run().stdout();
    assert!(stored(&setup.home).is_none());
}

fn comes_back(keyring: Keyring) {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start_kind(&setup.home, keyring);
    setup.login(&[]);
    let account = || {
        let mut account = status(&setup.home)["accounts"][0].clone();
        // planned anew by each daemon, at a moment of chance
        account["next_renewal"] = Value::Null;
        account
    };
    let before = account();
    assert_eq!(before["store"], "secret-service");
    assert!(stored(&setup.home).is_some());

    kill_daemon(&setup.home);
    let shown = setup.home.opkssh(["status"]).run().stdout();
    assert!(shown.contains("kept in the store"), "{shown}");
    setup.home.opkssh(["check"]).run().stdout();
    // key, tokens and plan; only the certificate around them is minted anew
    assert_eq!(account(), before);
    setup.signs_for(&setup.certificate());
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
    assert_eq!(
        setup.provider.granted("refresh_token"),
        1,
        "nor was a token needed"
    );
}

#[test]
fn logout_revokes_and_wipes_and_can_be_repeated() {
    revokes_and_wipes(Keyring::Gnome);
}

#[test]
fn logout_revokes_and_wipes_in_oo7() {
    revokes_and_wipes(Keyring::Oo7);
}

fn revokes_and_wipes(keyring: Keyring) {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start_kind(&setup.home, keyring);
    setup.login(&[]);
    let said = setup.home.opkssh(["logout"]).run().stdout();
    let words = format!(
        "Logged out of test ({}): refresh token revoked at the provider\n",
        setup.provider.issuer()
    );
    assert!(said.contains(&words), "{said}");
    let log = setup.provider.log();
    let revocations = log.iter().filter(|seen| seen.path == "/token/revocation");
    let revocations: Vec<_> = revocations.map(|seen| seen.status).collect();
    assert_eq!(revocations, [200]);

    assert!(stored(&setup.home).is_none());
    assert!(!index(&setup.home).contains("test"));
    let list = setup.with_agent("ssh-add").arg("-l").run();
    assert_eq!(list.any_stdout(), "The agent has no identities.\n");
    setup.home.opkssh(["logout"]).run().stdout();
    let refused = setup.home.opkssh(["check"]).run();
    assert_eq!(refused.code(), Some(1));

    // nor does a restart bring it back
    kill_daemon(&setup.home);
    assert_eq!(setup.home.opkssh(["check"]).run().code(), Some(1));
    setup.home.opkssh(["agent", "start"]).run().stdout();
    let list = setup.with_agent("ssh-add").arg("-l").run();
    assert_eq!(list.any_stdout(), "The agent has no identities.\n");
}

#[test]
fn logout_of_an_agent_that_is_not_running_revokes_all_the_same() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    kill_daemon(&setup.home);
    let said = setup.home.opkssh(["logout"]).run().stdout();
    assert!(
        said.contains("refresh token revoked at the provider"),
        "{said}"
    );
    assert!(stored(&setup.home).is_none());
}

#[test]
fn logout_wipes_even_when_the_provider_is_down_and_says_what_was_not_done() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    setup.provider.close();
    let said = setup.home.opkssh(["logout"]).run();
    let issuer = setup.provider.issuer();
    assert_eq!(
        said.any_stdout(),
        format!("Logged out of test ({issuer})\n")
    );
    let said = said.refused();
    for words in [
        "Error: test: refresh token not revoked: ",
        "\nhint: it counts until the provider ends it: ",
        "cannot be reached",
        &format!("withdraw the login in your account at {issuer}"),
    ] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    assert!(stored(&setup.home).is_none());
    assert!(!index(&setup.home).contains("test"));
}

#[test]
fn a_forced_logout_takes_a_token_that_was_not_revoked_for_done() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    setup.provider.close();
    let said = setup.home.opkssh(["logout", "--force", "--json"]).run();
    let json: serde_json::Value = serde_json::from_str(&said.stdout()).unwrap();
    assert_eq!(json["done"], true);
    assert_eq!(json["failures"], serde_json::json!([]));
    assert_eq!(json["key_files"], serde_json::json!([]));
    let account = &json["accounts"][0];
    assert_eq!(account["alias"], "test");
    assert_eq!(account["not_revoked"], true);
    let steps = said.stderr();
    assert!(steps.starts_with("Logged out of test ("), "{steps}");
}

#[test]
fn without_a_keyring_memory_is_all_there_is_and_status_says_so() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let said = setup.login(&[]);
    assert!(said.contains("Kept in memory only"), "{said}");
    let shown = setup.home.opkssh(["status"]).run().stdout();
    let short = "\nStore         memory: lost when the agent stops; keep: opkssh agent restart --store file\n";
    assert!(shown.contains(short), "{shown}");
    let shown = setup.home.opkssh(["status", "-v"]).run().stdout();
    assert!(
        shown.contains("Store         memory (the keyring cannot be used: "),
        "{shown}"
    );
    assert!(
        shown.contains(
            "; logins last until the agent ends; for an encrypted file: \
             opkssh agent restart --store file)"
        ),
        "{shown}"
    );
    assert!(
        !index(&setup.home).contains("test"),
        "nothing to come back to"
    );

    kill_daemon(&setup.home);
    let checked = setup.home.opkssh(["check"]).run();
    assert_eq!(checked.code(), Some(1));
    assert!(checked.any_stdout().contains("nobody is logged in"));
}

#[test]
fn a_locked_keyring_gives_the_account_back_once_it_is_unlocked() {
    gives_back(Keyring::Gnome);
}

#[test]
fn a_locked_oo7_gives_the_account_back_once_it_is_unlocked() {
    gives_back(Keyring::Oo7);
}

fn gives_back(keyring: Keyring) {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let keyring = SecretService::start_kind(&setup.home, keyring);
    setup.login(&[]);
    keyring.lock();
    // what is in memory works on
    setup.home.opkssh(["check"]).run().stdout();

    kill_daemon(&setup.home);
    let refused = setup.home.opkssh(["check"]).run().inconclusive();
    assert!(
        refused.contains("account test is in the keyring, but "),
        "{refused}"
    );
    assert!(refused.contains("unlock the keyring"), "{refused}");
    let status = status(&setup.home);
    let notice = status["notices"][0]["text"].as_str().unwrap_or_default();
    assert!(notice.contains("account test is not usable"), "{status}");
    assert!(notice.contains("unlock the keyring"), "{status}");

    keyring.unlock();
    // a locked keyring is not asked every moment: each question may be a prompt
    wait_until("the account is back", || {
        (setup.home.opkssh(["check"]).run().success()).then_some(())
    });
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
}
