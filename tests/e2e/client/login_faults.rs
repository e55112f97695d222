//! Logins that fail: each says why, ends with 1, and leaves nothing behind.

mod failed_checks;
mod mix_up;
mod provider;

use opkssh_test_support::{
    BrowserMode, Client, Home, Part, Provider, ProviderOptions, Signal, left_out,
};

use crate::setup::{Setup, daemon_log, entry, status, write_config};

/// No account in `status`, none on disk, none in the agent.
fn nothing_is_held(home: &Home) {
    let status = status(home);
    assert_eq!(
        status["accounts"].as_array().map(Vec::len),
        Some(0),
        "{status}"
    );
    let index = home.dir().join(".local/state/opkssh/accounts.json");
    let index = std::fs::read_to_string(index).unwrap_or_default();
    assert!(!index.contains("alias"), "{index}");
    let list = home
        .command("ssh-add")
        .arg("-l")
        .env("SSH_AUTH_SOCK", crate::setup::agent_socket(home))
        .run();
    assert_eq!(list.any_stdout(), "The agent has no identities.\n");
    assert!(!daemon_log(home).contains("panicked"));
}

#[track_caller]
fn says(refused: &str, words: &[&str]) {
    for word in words {
        assert!(refused.contains(word), "no {word:?} in: {refused}");
    }
}

#[test]
fn a_person_who_cancels() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.browser.behave("alice", BrowserMode::Deny);
    let refused = setup.home.opkssh(["login"]).run().refused();
    says(
        &refused,
        &[
            "access_denied",
            "log in again and allow it: opkssh login test",
        ],
    );
    let page = setup.browser.wait_for(1);
    assert_eq!(page.status, 400);
    says(&page.text, &["Login failed", "access_denied"]);
    nothing_is_held(&setup.home);
}

#[test]
fn a_callback_with_a_state_that_nobody_asked_for_ends_no_login() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.browser.behave("alice", BrowserMode::WrongState);
    let mut login = setup.home.opkssh(["login"]).start();
    let page = setup.browser.wait_for(1);
    assert_eq!(page.status, 400);
    says(&page.text, &["Not the answer", "wrong state", "goes on"]);
    assert_eq!(
        setup.provider.asked("authorization_code"),
        0,
        "its code is not used"
    );
    nothing_is_held(&setup.home);
    assert!(!login.has_ended());

    setup.browser.behave("alice", BrowserMode::Login);
    let launcher = setup.home.command(setup.browser.launcher());
    launcher.arg(&page.url).run().stdout();
    assert_eq!(setup.browser.wait_for(2).status, 200);
    login.wait().stdout();
    assert_eq!(setup.provider.asked("authorization_code"), 1);
}

#[test]
fn an_issuer_with_a_slash_too_many() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let issuer = format!("{}/", setup.provider.issuer());
    let slash = entry("test", &issuer, setup.provider.client(), &[]);
    write_config(&setup.home, &[slash]);
    let refused = setup.home.opkssh(["login"]).run().refused();
    let exactly = format!(
        "write the issuer exactly as the provider does: {}\n",
        setup.provider.issuer()
    );
    says(&refused, &["names another issuer", &exactly]);
    assert_eq!(setup.browser.openings(), 0);
    nothing_is_held(&setup.home);
}

#[test]
fn an_unknown_client_is_explained_by_the_provider_in_the_browser() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let stranger = entry(
        "test",
        setup.provider.issuer(),
        &Client::public("nobody-knows"),
        &[],
    );
    write_config(&setup.home, &[stranger]);
    // RFC 6749, 4.1.2.1: the provider must not send the browser back
    let mut login = setup.home.opkssh(["login"]).start();
    let page = setup.browser.wait_for(1);
    says(&page.text, &["invalid_client"]);
    assert!(!login.has_ended());
    login.signal(Signal::INT);
    assert!(!login.wait().success());
    nothing_is_held(&setup.home);
}

#[test]
fn a_wrong_client_secret() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let right = Client::secret(
        "confidential",
        "the-right-secret-of-it",
        "client_secret_basic",
    );
    let options = ProviderOptions {
        clients: vec![right],
        ..ProviderOptions::default()
    };
    let setup = Setup::with(options, &[]);
    let wrong = Client::secret("confidential", "another-secret", "client_secret_basic");
    write_config(
        &setup.home,
        &[entry("test", setup.provider.issuer(), &wrong, &[])],
    );
    let refused = setup.home.opkssh(["login"]).run().refused();
    says(
        &refused,
        &[
            "invalid_client",
            "check client_secret of client confidential",
        ],
    );
    assert!(!refused.contains("another-secret"), "{refused}");
    nothing_is_held(&setup.home);
}

#[test]
fn a_token_endpoint_that_fails_once_the_person_is_done() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.provider.fail("/token", 503, 1);
    let refused = setup.home.opkssh(["login"]).run().refused();
    says(&refused, &["token endpoint"]);
    says(&setup.browser.wait_for(1).text, &["Login failed"]);
    nothing_is_held(&setup.home);
}

#[test]
fn a_failed_login_leaves_the_earlier_account_usable() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let before = setup.certificate();

    setup.browser.behave("alice", BrowserMode::Deny);
    setup.home.opkssh(["login"]).run().refused();
    setup.browser.behave("alice", BrowserMode::Login);
    setup.provider.fail("/token", 500, 1);
    setup.home.opkssh(["login"]).run().refused();
    setup.provider.close();
    setup.home.opkssh(["login"]).run().refused();

    assert_eq!(setup.certificate(), before);
    setup.home.opkssh(["check"]).run().stdout();
    setup.signs_for(&before);
}

#[test]
fn a_provider_with_an_unknown_ca() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let other = Provider::start(ProviderOptions::default());
    write_config(
        &setup.home,
        &[entry("test", other.issuer(), other.client(), &[])],
    );
    let refused = setup.home.opkssh(["login"]).run().refused();
    says(
        &refused,
        &["cannot be reached", "certificate", "SSL_CERT_FILE"],
    );
    assert_eq!(other.log(), [], "not a word was said to it");
    nothing_is_held(&setup.home);
}
