//! `opkssh logout`: what it says of what it did not do, and whom it leaves alone.

use opkssh_test_support::{Home, Part, SecretService, left_out};

use super::accounts::{accounts, login_as, pairs};
use crate::agent::store::{index, stored};
use crate::setup::{OPKSSH, Setup, kill_daemon};

#[test]
fn an_unknown_account_is_an_error() {
    let home = Home::new(OPKSSH);
    let refused = home.opkssh(["logout", "nosuch"]).run();
    assert_eq!(refused.any_stdout(), "");
    let said = "Error: there is no account nosuch\nhint: show the accounts: opkssh status\n";
    assert_eq!(refused.refused(), said);
}

#[test]
fn the_same_account_twice_ends_no_other_account() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    login_as(&setup, "alice", &[]).stdout();
    login_as(&setup, "bob", &["--as", "bob"]).stdout();
    let logout = ["logout", "test"];
    let said = setup.home.opkssh(logout).run().stdout();
    assert!(said.starts_with("Logged out of test ("), "{said}");
    // also the name of bob's provider
    let refused = setup.home.opkssh(logout).run().refused();
    let said = "Error: there is no account test\nhint: name one: opkssh logout bob\n";
    assert_eq!(refused, said);
    assert_eq!(accounts(&setup.home), pairs(&[("bob", "bob")]));
}

#[test]
fn while_the_keyring_is_locked_the_account_is_kept_unless_forced() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    for words in [&["logout"][..], &["logout", "test"], &["logout", "--all"]] {
        let setup = Setup::new();
        let keyring = SecretService::start(&setup.home);
        setup.login(&[]);
        kill_daemon(&setup.home);
        keyring.lock();
        let refused = setup.home.opkssh(words).run();
        assert_eq!(refused.any_stdout(), "");
        let refused = refused.refused();
        for words in [
            "Error: test stays logged in: the keyring is locked",
            "unlock the keyring and log out again; or ",
            "opkssh logout test --force",
        ] {
            assert!(refused.contains(words), "no {words:?} in {refused}");
        }
        assert!(index(&setup.home).contains("test"));
        if words.len() == 1 {
            let forced = setup.home.opkssh(["logout", "--force"]).run().stdout();
            let words = "refresh token not revoked: it could not be read; the keyring still has it";
            assert!(forced.contains(words), "{forced}");
            let gone = setup.home.opkssh(["check"]).run();
            assert_ne!(gone.code(), Some(0));
            continue;
        }
        keyring.unlock();
        let said = setup.home.opkssh(words).run().stdout();
        assert!(said.contains("revoked at the provider"), "{said}");
        assert!(stored(&setup.home).is_none());
    }
}
