//! Renewal without a person, with ID tokens that live for seconds.

mod offline;
mod together;

use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::pk_token::UnverifiedPkToken;
use opkssh_test_support::{Part, ProviderOptions, SecretService, left_out, wait_until};
use serde_json::Value;

use crate::agent::store::stored;
use crate::setup::{Setup, daemon_log, kill_daemon, status};

/// Tokens of this many seconds are renewed ten seconds before their end.
fn short_lived(seconds: u32) -> ProviderOptions {
    ProviderOptions {
        id_token_ttl: seconds,
        ..ProviderOptions::default()
    }
}

fn account(setup: &Setup) -> Value {
    status(&setup.home)["accounts"][0].clone()
}

fn refreshes(setup: &Setup) -> usize {
    setup.provider.granted("refresh_token")
}

#[test]
fn a_repeated_nonce_renews_ahead_of_time_with_the_same_key() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(short_lived(14), &["expiration: oidc"]);
    let said = setup.login(&[]);
    assert!(said.contains("(oidc); renews by itself."), "{said}");
    assert_eq!(refreshes(&setup), 1, "tried soon after the login");
    let (first, certificate) = (account(&setup), setup.certificate());
    assert_eq!(first["renewal"], "by-itself");

    wait_until("it is renewed twice", || {
        (refreshes(&setup) >= 3).then_some(())
    });
    let later = wait_until("the agent has the new token", || {
        let now = account(&setup);
        (now["usable_until"].as_i64() > first["usable_until"].as_i64()).then_some(now)
    });
    assert_eq!(later["fingerprint"], first["fingerprint"], "the same key");
    assert_eq!(later["last_error"], Value::Null);
    assert_ne!(setup.certificate(), certificate);
    // an ordinary PK token, good on every server: nothing is attached to it
    assert!(!has_refreshed_part(&setup));
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
    setup.home.opkssh(["check", "--for", "100h"]).run().stdout();
}

#[test]
fn without_a_nonce_the_refreshed_token_is_attached_for_servers_that_take_it() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let options = ProviderOptions {
        repeat_nonce_on_refresh: false,
        ..short_lived(14)
    };
    let setup = Setup::with(options, &["expiration: oidc_refreshed"]);
    let said = setup.login(&[]);
    let words = "renews by itself on servers with oidc_refreshed";
    assert!(said.contains(words), "{said}");
    let first = account(&setup);
    assert_eq!(first["renewal"], "on-refreshed-servers");
    assert_eq!(first["renewal_words"], words);

    wait_until("it is renewed twice", || {
        (refreshes(&setup) >= 3).then_some(())
    });
    let later = wait_until("the agent has the new token", || {
        let now = account(&setup);
        (now["usable_until"].as_i64() > first["usable_until"].as_i64()).then_some(now)
    });
    assert_eq!(later["fingerprint"], first["fingerprint"], "the same key");
    assert!(has_refreshed_part(&setup));
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
}

#[test]
fn without_a_nonce_the_person_is_told_when_they_will_be_needed() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let options = ProviderOptions {
        repeat_nonce_on_refresh: false,
        ..ProviderOptions::default()
    };
    let setup = Setup::with(options, &["expiration: 12h"]);
    let said = setup.login(&[]);
    assert!(
        said.contains("needs you every 12 h: the provider does not repeat the nonce"),
        "{said}"
    );
    let account = account(&setup);
    assert_eq!(account["next_renewal"], Value::Null, "it would not help");
    assert_eq!(account["state"], "usable");
    let checked = setup.home.opkssh(["check", "--for", "13h"]).run();
    assert_eq!(checked.code(), Some(1));
    setup.home.opkssh(["check", "--for", "11h"]).run().stdout();
}

#[test]
fn a_rotated_refresh_token_survives_the_agents_death() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::with(short_lived(15), &["expiration: oidc"]);
    let _keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    let token = |record: &Value| record["refresh_token"].as_str().map(str::to_owned);
    let first = stored(&setup.home).expect("a record");
    let generation = first["generation"].as_u64().expect("a number");
    // a renewal writes twice: the new refresh token at once, then all that follows from it
    let renewed = wait_until("a renewal is stored", || {
        stored(&setup.home).filter(|it| it["generation"].as_u64() >= Some(generation + 2))
    });
    kill_daemon(&setup.home);
    assert_ne!(token(&renewed), token(&first), "the provider rotates");

    let before = refreshes(&setup);
    setup.home.opkssh(["check"]).run().stdout();
    wait_until("the next agent renews, too", || {
        (refreshes(&setup) > before).then_some(())
    });
    let account = wait_until("it is usable", || {
        Some(account(&setup)).filter(|account| account["state"] == "usable")
    });
    assert_eq!(account["last_error"], Value::Null);
    // a second use of an old token would have revoked the family
    assert_eq!(setup.provider.asked("refresh_token"), refreshes(&setup));
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
}

#[test]
fn a_revoked_refresh_token_ends_in_login_needed_and_not_in_a_loop() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(short_lived(14), &["expiration: oidc"]);
    setup.login(&[]);
    setup.provider.revoke("alice");
    let account = wait_until("the deadline is past", || {
        Some(account(&setup)).filter(|account| account["state"] == "login-needed")
    });
    assert_eq!(account["renewal"], "needs-person");
    let error = account["last_error"].as_str().unwrap_or_default();
    assert!(error.contains("invalid_grant"), "{account}");

    for _ in 0..3 {
        let checked = setup.home.opkssh(["check"]).run();
        assert_eq!(checked.code(), Some(1));
        let why = checked.any_stdout();
        assert!(why.contains("invalid_grant"), "{why}");
        assert_eq!(checked.stderr(), "hint: log in: opkssh login test\n");
    }
    // one that was granted after the login, one that was refused
    assert_eq!(setup.provider.asked("refresh_token"), 2);
    let shown = setup.home.opkssh(["status"]).run().stdout();
    assert!(shown.contains("login needed: opkssh login test"), "{shown}");
    assert!(daemon_log(&setup.home).contains("renewal failed"));

    // which is all that is needed
    setup.login(&[]);
    setup.home.opkssh(["check"]).run().stdout();
}

#[test]
fn however_many_ask_at_once_one_request_is_made() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(short_lived(20), &["expiration: oidc"]);
    setup.login(&[]);
    let at_the_provider = || setup.provider.requests("/token");
    let before = at_the_provider();
    setup.provider.hold("/token");
    wait_until("the identity is stale and the agent renews it", || {
        (at_the_provider() == before + 1).then_some(())
    });
    let mut asking: Vec<_> = (0..20)
        .map(|_| setup.home.opkssh(["check"]).start())
        .collect();
    // status is answered all the same, and says that there is something to wait for
    assert_eq!(account(&setup)["state"], "stale");
    assert!(asking.iter_mut().all(|check| !check.has_ended()));
    assert_eq!(setup.provider.release("/token"), 1);
    for check in asking {
        check.wait().stdout();
    }
    assert_eq!(at_the_provider(), before + 1);
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
}

#[test]
fn a_provider_that_is_down_is_asked_again_and_the_identity_comes_back() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(short_lived(12), &["expiration: oidc"]);
    setup.login(&[]);
    setup.provider.close();
    let account_then = wait_until("a renewal fails", || {
        Some(account(&setup)).filter(|account| account["last_error"].is_string())
    });
    let error = account_then["last_error"].as_str().unwrap_or_default();
    assert!(error.contains("cannot be reached"), "{error}");
    assert_eq!(
        account_then["renewal"], "by-itself",
        "a network failure is no verdict"
    );
    setup.provider.open();
    wait_until("the identity is usable again", || {
        let now = account(&setup);
        (now["state"] == "usable" && now["last_error"].is_null()).then_some(())
    });
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
}

#[test]
fn listing_identities_never_causes_traffic() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(short_lived(14), &["expiration: oidc"]);
    setup.login(&[]);
    setup.provider.revoke("alice");
    wait_until("the deadline is past", || {
        (account(&setup)["state"] == "login-needed").then_some(())
    });
    let before = setup.provider.log().len();
    for _ in 0..5 {
        let _ = setup.with_agent("ssh-add").arg("-l").run().any_stdout();
        let _ = setup.with_agent("ssh-add").arg("-L").run().any_stdout();
    }
    assert_eq!(setup.provider.log().len(), before);
    assert_eq!(setup.browser.openings(), 1);
}

/// Returns true if a refreshed ID token is attached to the PK token of the certificate in the agent.
fn has_refreshed_part(setup: &Setup) -> bool {
    let certificate = UnverifiedCertificate::parse_openssh(&setup.certificate()).unwrap();
    let pk_token = UnverifiedPkToken::parse_compact(certificate.unverified_pk_token()).unwrap();
    pk_token.unverified_refreshed().is_some()
}
