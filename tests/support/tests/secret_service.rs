//! Proof that the private keyring keeps secrets, encrypted, in the test's home.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

use std::fs;

use opkssh_test_support::{Home, Output, Part, SecretService, left_out};

fn store(home: &Home, secret: &str) -> Output {
    home.command("secret-tool")
        .args(["store", "--label=a test", "service", "ot"])
        .stdin(secret)
        .run()
}

fn lookup(home: &Home) -> Output {
    home.command("secret-tool")
        .args(["lookup", "service", "ot"])
        .run()
}

#[test]
fn a_secret_comes_back_even_after_a_restart() {
    if left_out(&[Part::Keyring]) {
        return;
    }
    let home = Home::new("/bin/sh");
    let mut service = SecretService::start(&home);
    store(&home, "the secret").stdout();
    assert_eq!(lookup(&home).stdout(), "the secret");

    let keyrings = home.dir().join(".local/share/keyrings");
    let file = fs::read(keyrings.join("login.keyring")).expect("the keyring is in the test's home");
    assert!(
        !file.windows(10).any(|bytes| bytes == b"the secret"),
        "the keyring's file is encrypted"
    );

    service.restart();
    assert_eq!(lookup(&home).stdout(), "the secret");
}

#[test]
fn a_locked_keyring_refuses_at_once_until_it_is_unlocked() {
    if left_out(&[Part::Keyring]) {
        return;
    }
    let home = Home::new("/bin/sh");
    let service = SecretService::start(&home);
    store(&home, "the secret").stdout();
    service.lock();
    assert!(!lookup(&home).any_stdout().contains("the secret"));
    service.unlock();
    assert_eq!(lookup(&home).stdout(), "the secret");
}

#[test]
fn a_killed_keyring_stays_away() {
    if left_out(&[Part::Keyring]) {
        return;
    }
    let home = Home::new("/bin/sh");
    let mut service = SecretService::start(&home);
    service.kill();
    assert_eq!(lookup(&home).code(), Some(1));
    assert!(!store(&home, "the secret").success());
}

#[test]
fn a_frozen_keyring_answers_when_it_thaws() {
    if left_out(&[Part::Keyring]) {
        return;
    }
    let home = Home::new("/bin/sh");
    let mut service = SecretService::start(&home);
    store(&home, "the secret").stdout();
    service.freeze();
    let mut waiting = home
        .command("secret-tool")
        .args(["lookup", "service", "ot"])
        .start();
    assert!(!waiting.has_ended());
    service.thaw();
    assert_eq!(waiting.wait().stdout(), "the secret");
}
