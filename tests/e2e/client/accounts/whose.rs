//! Which account is the default one, and whose an account becomes.

use opkssh_test_support::{Home, Part, SecretService, left_out};

use super::{accounts, checked, configure, login_as, pairs};
use crate::setup::{OPKSSH, Setup, kill_daemon};

#[test]
fn the_default_account_changes_neither_by_logins_nor_by_a_restart() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    login_as(&setup, "bob", &["--as", "bob"]).stdout();
    login_as(&setup, "alice", &["--as", "alice"]).stdout();
    assert_eq!(checked(&setup.home, &[]), "bob");
    login_as(&setup, "bob", &["bob"]).stdout();
    assert_eq!(checked(&setup.home, &[]), "bob");
    kill_daemon(&setup.home);
    assert_eq!(checked(&setup.home, &[]), "bob");
    setup.home.opkssh(["logout", "bob"]).run().stdout();
    assert_eq!(checked(&setup.home, &[]), "alice");
}

#[test]
fn whom_the_browser_remembers_is_named_where_another_person_may_be_meant() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let said = login_as(&setup, "alice", &[]);
    assert!(!said.stderr().contains("Warning"), "{}", said.stderr());
    // bob is meant
    let said = login_as(&setup, "alice", &["--as", "bob"]);
    assert!(said.success());
    let said = said.stderr();
    for words in [
        "Warning: bob is alice@example.com, who has the account test, too\n",
        "opkssh logout bob; opkssh login test --as bob --prompt select_account",
    ] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    assert_eq!(checked(&setup.home, &[]), "test", "the default stays");
    // what it says works
    setup.home.opkssh(["logout", "bob"]).run().stdout();
    let again = ["test", "--as", "bob", "--prompt", "login"];
    let said = login_as(&setup, "bob", &again);
    assert!(!said.stderr().contains("Warning"), "{}", said.stderr());
    assert_eq!(
        accounts(&setup.home),
        pairs(&[("bob", "bob"), ("test", "alice")])
    );
    let refused = login_as(&setup, "alice", &["bob"]).refused();
    let hint = "to log in as bob@example.com: opkssh login test --as bob --prompt select_account";
    assert!(refused.contains(hint), "{refused}");
}

#[test]
fn the_default_account_is_shown_and_chosen_for_good() {
    let home = Home::new(OPKSSH);
    let nobody = home.opkssh(["default"]).run().refused();
    assert_eq!(
        nobody,
        "Error: nobody is logged in\nhint: log in: opkssh login\n"
    );
    let nobody = home.opkssh(["default", "nosuch"]).run().refused();
    let words = "Error: there is no account nosuch\nhint: log in: opkssh login\n";
    assert_eq!(nobody, words);
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    for name in ["alice", "bob"] {
        login_as(&setup, name, &["--as", name]).stdout();
    }
    let default = |words: &[&str]| setup.home.opkssh(["default"].iter().chain(words)).run();
    assert_eq!(default(&[]).stdout(), "alice\n");
    let chosen = default(&["bob"]).stdout();
    assert_eq!(chosen, "The default account is bob.\n");
    assert_eq!(default(&[]).stdout(), "bob\n");
    kill_daemon(&setup.home);
    assert_eq!(default(&[]).stdout(), "bob\n");
    assert_eq!(checked(&setup.home, &[]), "bob");
    assert_eq!(
        default(&["nosuch"]).refused(),
        "Error: there is no account nosuch\nhint: name one: opkssh default bob or opkssh default alice\n"
    );
    // what the configuration says counts for more
    configure(&setup.home, "agent: {default_account: alice}\n");
    assert_eq!(default(&[]).stdout(), "alice\n");
    let refused = default(&["bob"]).refused();
    for words in [
        "Error: the default account is alice, by `default_account:` in the client configuration",
        "change or remove it under `agent:`",
    ] {
        assert!(refused.contains(words), "no {words:?} in {refused}");
    }
}
