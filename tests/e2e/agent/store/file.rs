//! The encrypted file store, for machines without a keyring.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use opkssh_test_support::{Home, Part, SecretService, left_out, wait_until};

use super::index;
use super::secrets::contains;
use crate::setup::{Setup, kill_daemon, status, typed};

const PASSPHRASE: &str = "a passphrase of the tests";

/// A home without a keyring whose agent wants the file store.
fn setup() -> Setup {
    let setup = Setup::new();
    let started = setup.home.opkssh(["agent", "start", "--store", "file"]);
    started.run().stdout();
    setup
}

fn unlock(home: &Home) -> String {
    let said = home.opkssh(["agent", "unlock"]).stdin(PASSPHRASE).run();
    said.stdout()
}

fn files(home: &Home) -> Vec<PathBuf> {
    let directory = home.dir().join(".local/state/opkssh/store");
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

#[test]
fn accounts_come_back_once_the_passphrase_is_said() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = setup();
    let refused = setup.home.opkssh(["login"]).run().refused();
    assert!(refused.contains("has no passphrase yet"), "{refused}");
    assert!(refused.contains("opkssh agent unlock"), "{refused}");
    assert_eq!(
        setup.browser.openings(),
        0,
        "nobody was bothered for nothing"
    );
    assert_eq!(unlock(&setup.home), "The encrypted file store is set up.\n");
    setup.login(&[]);
    let before = setup.certificate();
    let shown = setup.home.opkssh(["status"]).run().stdout();
    assert!(
        shown.contains("file (asked for with --store file)"),
        "{shown}"
    );
    assert_eq!(status(&setup.home)["accounts"][0]["store"], "file");

    let directory = setup.home.dir().join(".local/state/opkssh/store");
    let mode = |file: &PathBuf| fs::metadata(file).expect("its mode").permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    let files = files(&setup.home);
    assert_eq!(files.len(), 2, "{files:?}");
    for file in &files {
        assert_eq!(mode(file), 0o600);
        let bytes = fs::read(file).expect("a readable file");
        assert!(bytes.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----"));
        assert!(!contains(&bytes, b"refresh_token"));
    }

    // a daemon that nobody told about the file finds it
    kill_daemon(&setup.home);
    let refused = setup.home.opkssh(["check"]).run().inconclusive();
    let why = "account test is in the encrypted file store, but the encrypted file store is locked";
    assert!(refused.contains(why), "{refused}");
    assert!(refused.contains("opkssh agent unlock"), "{refused}");
    let locked = status(&setup.home);
    assert_eq!(locked["agent"]["locked"], serde_json::json!(["store"]));
    assert_eq!(locked["agent"]["store"], "file");
    let shown = setup.home.opkssh(["status"]).run().stdout();
    for words in [
        "\nStore         file (the encrypted file store is locked; unlock it: opkssh agent unlock)\n",
        "  account test is not usable: the encrypted file store is locked; unlock it: opkssh agent \
         unlock\n",
    ] {
        assert!(shown.contains(words), "no {words:?} in {shown}");
    }
    let refused = setup.home.opkssh(["login"]).run().refused();
    assert!(refused.contains("is locked"), "{refused}");
    let wrong = setup.home.opkssh(["agent", "unlock"]).stdin("wrong").run();
    assert!(wrong.refused().contains("wrong password"));
    let nothing = setup.home.opkssh(["agent", "unlock"]).run();
    assert!(nothing.refused().contains("no password was given"));
    assert_eq!(
        unlock(&setup.home),
        "The encrypted file store is unlocked.\n"
    );
    setup.home.opkssh(["check"]).run().stdout();
    let key = |line: &str| line.split(' ').next().map(str::to_owned);
    assert_eq!(key(&setup.certificate()), key(&before));
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
    let chosen = status(&setup.home);
    let reason = chosen["agent"]["store_reason"].as_str().unwrap_or_default();
    assert!(reason.contains("there is an encrypted file"), "{reason}");
}

#[test]
fn on_a_terminal_a_command_that_needs_it_asks_for_the_passphrase() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = setup();
    let (choose, again) = ("Choose a passphrase for the new", "Again: ");
    let ask = "Passphrase of the encrypted file store: ";
    let keys = format!("{PASSPHRASE}\r");
    let said = typed(&setup.home, "login", &[(choose, &keys), (again, &keys)]);
    assert!(!said.stdout().contains(PASSPHRASE));
    assert_eq!(status(&setup.home)["accounts"][0]["store"], "file");

    kill_daemon(&setup.home);
    let once_more = |left: &str| format!("wrong password; {left} left\r\n{ask}");
    let (second, third) = (once_more("2 tries"), once_more("1 try"));
    let wrong = [ask, &second, &third].map(|prompt| (prompt, "wrong\r"));
    let said = typed(&setup.home, "login", &wrong);
    assert_eq!(said.code(), Some(1));
    let said = said.any_stdout();
    assert!(said.contains("wrong password"), "{said}");
    assert_eq!(setup.browser.openings(), 1);
    // ssh, for which nobody has to log in again
    let command = "ssh -o BatchMode=yes nowhere.invalid";
    let said = typed(&setup.home, command, &[(ask, &keys)]).any_stdout();
    assert!(said.contains("nowhere.invalid"), "{said}");
    setup.home.opkssh(["check"]).run().stdout();
    assert_eq!(setup.browser.openings(), 1);
}

#[test]
fn it_can_be_emptied_without_the_passphrase() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = setup();
    unlock(&setup.home);
    setup.login(&[]);
    kill_daemon(&setup.home);
    // its refresh token could not be revoked
    for words in [&["logout"][..], &["logout", "--all"]] {
        let refused = setup.home.opkssh(words).run().refused();
        assert!(refused.contains("is locked"), "{refused}");
        assert!(refused.contains("opkssh logout test --force"), "{refused}");
        assert!(index(&setup.home).contains("test"));
    }
    let forced = setup.home.opkssh(["logout", "--force"]).run();
    let said = forced.stdout();
    assert!(
        said.contains("refresh token not revoked: it could not be read"),
        "{said}"
    );
    assert_eq!(files(&setup.home).len(), 1, "the store's key");
    assert!(!index(&setup.home).contains("test"));
    unlock(&setup.home);
    assert_eq!(setup.home.opkssh(["check"]).run().code(), Some(1));
}

#[test]
fn a_login_that_cannot_be_stored_is_kept_and_stored_later() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = setup();
    unlock(&setup.home);
    setup.login(&[]);
    let directory = setup.home.dir().join(".local/state/opkssh/store");
    fs::rename(&directory, directory.with_extension("aside")).expect("put aside");
    fs::write(&directory, "in the way").expect("a file in its place");
    let second = ["login", "test", "--as", "second"];
    let said = setup.home.opkssh(second).run().stdout();
    let why = "Not stored: the encrypted file store cannot be used";
    assert!(said.contains(why), "{said}");
    let accounts = status(&setup.home)["accounts"].clone();
    // in the order of their names: second, test
    assert!(accounts[0]["store_error"].is_string(), "{accounts}");
    assert!(accounts[1]["store_error"].is_null(), "{accounts}");
    let log = setup.provider.log();
    let revoked = log.iter().filter(|seen| seen.path == "/token/revocation");
    assert_eq!(revoked.count(), 0);
    fs::remove_file(&directory).expect("out of the way");
    fs::rename(directory.with_extension("aside"), &directory).expect("back");
    wait_until("the second login is stored", || {
        let accounts = status(&setup.home)["accounts"].clone();
        accounts[0]["store_error"].is_null().then_some(())
    });
    kill_daemon(&setup.home);
    unlock(&setup.home);
    setup.home.opkssh(["check", "second"]).run().stdout();
}

#[test]
fn a_keyring_that_comes_later_does_not_change_where_an_account_is() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = setup();
    unlock(&setup.home);
    setup.login(&[]);
    kill_daemon(&setup.home);
    let _keyring = SecretService::start(&setup.home);
    let refused = setup.home.opkssh(["check"]).run().inconclusive();
    assert!(refused.contains("in the encrypted file store"), "{refused}");
    let refused = setup.home.opkssh(["login"]).run().refused();
    assert!(refused.contains("is locked"), "{refused}");
    unlock(&setup.home);
    setup.login(&[]);
    let status = status(&setup.home);
    assert_eq!(status["accounts"][0]["store"], "file");
    assert_eq!(
        status["agent"]["store"], "secret-service",
        "for new accounts"
    );
}

#[test]
fn a_locked_agent_with_a_file_store_asks_for_both() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = setup();
    unlock(&setup.home);
    setup.login(&[]);
    let locked = setup.home.opkssh(["agent", "lock"]).stdin("the lock").run();
    locked.stdout();
    kill_daemon(&setup.home);
    let both = format!("the lock\n{PASSPHRASE}\n");
    let said = setup.home.opkssh(["agent", "unlock"]).stdin(both).run();
    assert_eq!(
        said.stdout(),
        "The agent is unlocked.\nThe encrypted file store is unlocked.\n"
    );
    setup.home.opkssh(["check"]).run().stdout();
    let seal = setup.home.dir().join(".local/state/opkssh/seal.json");
    assert!(!seal.exists());
    assert_eq!(setup.browser.openings(), 1);
}
