//! Logins, renewals and logouts.

use std::os::unix::fs::PermissionsExt as _;

use opkssh_protocol::audit::{AuditEvent, KeySource};
use opkssh_test_support::{BrowserMode, Home, Part, ProviderOptions, Signal, left_out, wait_until};

use super::{after_the_end, audit_file, events, wait_for};
use crate::setup::{OPKSSH, Setup, status, write_config};

#[test]
fn an_account_s_life_is_in_a_file_for_its_owner_only() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.browser.behave("alice", BrowserMode::Deny);
    setup.home.opkssh(["login"]).run().refused();
    setup.browser.behave("alice", BrowserMode::Login);
    setup.login(&[]);
    let key = status(&setup.home)["accounts"][0]["fingerprint"].clone();
    let found = after_the_end(&setup.home);
    assert_eq!(
        events(&found),
        [
            AuditEvent::LoginFailed,
            AuditEvent::Renewed,
            AuditEvent::LoggedIn,
            AuditEvent::LoggedOut
        ]
    );
    let [failed, renewed, logged_in, logged_out] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(failed.account, None);
    assert_eq!(failed.provider.as_deref(), Some("test"));
    let why = failed.reason.as_deref().unwrap_or_default();
    assert!(why.contains("access_denied"), "{why}");
    for entry in [renewed, logged_in] {
        assert_eq!(entry.key.as_deref(), key.as_str());
    }
    for entry in [renewed, logged_in, logged_out] {
        assert_eq!(entry.account.as_deref(), Some("test"));
        assert_eq!(entry.source, Some(KeySource::Account));
    }
    let revoked = "refresh token revoked at the provider";
    assert_eq!(logged_out.reason.as_deref(), Some(revoked));
    let file = audit_file(&setup.home);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("eyJ"), "a token: {text}");
}

#[test]
fn a_login_that_is_given_up_is_one_that_failed() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.browser.behave("alice", BrowserMode::Ignore);
    let mut login = setup.home.opkssh(["login"]).start();
    wait_until("a window", || (setup.browser.openings() > 0).then_some(()));
    login.signal(Signal::INT);
    let _ = login.wait();
    let failed = wait_for(&setup.home, AuditEvent::LoginFailed, 1);
    let why = failed[0].reason.as_deref();
    assert_eq!(why, Some("the login was interrupted"));
}

#[test]
fn a_renewal_that_fails_says_why() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let options = ProviderOptions {
        id_token_ttl: 14,
        ..ProviderOptions::default()
    };
    let setup = Setup::with(options, &["expiration: oidc"]);
    setup.login(&[]);
    setup.provider.revoke("alice");
    let failed = wait_for(&setup.home, AuditEvent::RenewalFailed, 1);
    assert_eq!(failed[0].account.as_deref(), Some("test"));
    let why = failed[0].reason.as_deref().unwrap_or_default();
    assert!(why.contains("invalid_grant"), "{why}");
}

#[test]
fn a_login_at_a_provider_that_is_not_there_names_it() {
    let home = Home::new(OPKSSH);
    let entry = "  - alias: away\n    issuer: https://127.0.0.1:1\n    client_id: c\n";
    write_config(&home, &[entry.to_owned()]);
    home.set("BROWSER", "true");
    home.opkssh(["login"]).run().refused();
    let failed = wait_for(&home, AuditEvent::LoginFailed, 1);
    assert_eq!(failed[0].provider.as_deref(), Some("away"));
    assert!(failed[0].reason.is_some());
}
