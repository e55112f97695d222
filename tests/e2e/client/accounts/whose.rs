//! Which account is the default one, and whose an account becomes.

use opkssh_test_support::{Part, SecretService, left_out};

use super::{accounts, checked, login_as, pairs};
use crate::setup::{Setup, kill_daemon};

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
        "Warning: bob is alice@example.com, who has the account test, too.",
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
