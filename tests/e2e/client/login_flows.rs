//! Logins whose browser is on another machine, logins that ask nobody, and what is passed on to the
//! provider.

pub mod loopback;
mod pasted;

use opkssh_test_support::{BrowserMode, Part, ProviderOptions, left_out};
use serde_json::{Value, json};

use crate::agent::sockets::raw::Raw;
use crate::setup::{Setup, status};

fn silent() -> Setup {
    let options = ProviderOptions {
        silent_for_native_clients: true,
        always_issue_refresh_token: true,
        ..ProviderOptions::default()
    };
    Setup::with(options, &[])
}

#[test]
fn a_silent_login_needs_a_session_at_the_provider_and_nobody() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = silent();
    setup.browser.remember("alice");
    setup.login(&[]);
    let before = setup.certificate();
    let said = setup.login(&["--silent"]);
    assert!(said.contains("&prompt=none"), "{said}");
    assert_ne!(setup.certificate(), before, "a new key and a new nonce");
    let page = setup.browser.wait_for(2);
    assert!(page.text.contains("close this window"), "{}", page.text);
    let account = &status(&setup.home)["accounts"][0];
    assert_eq!(account["alias"], "test");
}

#[test]
fn a_silent_login_that_would_have_to_ask_fails_and_says_how_to_log_in() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = silent();
    setup.login(&[]);
    let before = setup.certificate();
    for flags in [&["--silent"][..], &["--prompt", "none"]] {
        let login = setup.home.opkssh(["login"].iter().chain(flags));
        let refused = login.run().refused();
        for words in [
            "the provider needs you",
            "login_required",
            "log in again: opkssh login test",
        ] {
            assert!(refused.contains(words), "no {words:?} in {refused}");
        }
    }
    let page = setup.browser.wait_for(2);
    assert!(page.text.contains("Login failed"), "{}", page.text);
    assert_eq!(setup.certificate(), before, "nothing was lost");
}

/// One `login-again` on the control socket, as a program that asks silently first.
fn silent_first(setup: &Setup) -> (Raw, String) {
    let mut control = Raw::connect(&setup.home.runtime_dir().join("opkssh/control.sock"));
    let request = json!({"version": 2, "message": {"request": "login-again", "account": "test",
        "asking": {"silent_first": true}}});
    let mut answer: Value =
        serde_json::from_slice(&control.ask(request.to_string().as_bytes())).unwrap();
    while answer["message"]["event"] == "waiting" {
        answer = serde_json::from_slice(&control.receive().unwrap()).unwrap();
    }
    let url = answer["message"]["url"].as_str().expect("an address");
    (control, url.to_owned())
}

fn logged_in(control: &mut Raw) {
    loop {
        let answer: Value = serde_json::from_slice(&control.receive().unwrap()).unwrap();
        match answer["message"]["event"].as_str() {
            Some("waiting") => {}
            Some("logged-in") => return,
            _ => panic!("{answer}"),
        }
    }
}

#[test]
fn silent_first_goes_on_to_the_login_page_in_the_same_window() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = silent();
    setup.login(&[]);
    assert_eq!(setup.provider.authorizations(), 1);

    // a browser that knows nobody
    let (mut control, url) = silent_first(&setup);
    assert!(url.contains("prompt=none"), "{url}");
    let visit = |url: &str| setup.home.command(setup.browser.launcher()).arg(url).run();
    visit(&url).stdout();
    logged_in(&mut control);
    assert_eq!(
        setup.provider.authorizations(),
        3,
        "the silent request and the open one, from one visit"
    );

    // and one with a session
    setup.browser.remember("alice");
    setup.login(&[]);
    assert_eq!(setup.provider.authorizations(), 4);
    let (mut control, url) = silent_first(&setup);
    visit(&url).stdout();
    logged_in(&mut control);
    assert_eq!(setup.provider.authorizations(), 5, "nobody was asked");
}

#[test]
fn a_refusal_is_no_reason_to_ask_again() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = silent();
    setup.login(&[]);
    let (mut control, url) = silent_first(&setup);
    setup.browser.behave("alice", BrowserMode::Deny);
    let visit = setup.home.command(setup.browser.launcher()).arg(url);
    visit.run().stdout();
    let answer: Value = loop {
        let answer: Value = serde_json::from_slice(&control.receive().unwrap()).unwrap();
        if answer["message"]["event"] != "waiting" {
            break answer;
        }
    };
    assert_eq!(answer["message"]["event"], "failed", "{answer}");
    assert!(answer.to_string().contains("access_denied"), "{answer}");
}

#[test]
fn prompt_and_login_hint_are_passed_on_and_a_second_login_expects_the_same_person() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let said = setup.login(&[]);
    assert!(said.contains("&prompt=consent&"), "{said}");
    assert!(!said.contains("login_hint"), "nobody is known yet: {said}");
    let said = setup.login(&[]);
    assert!(said.contains("&login_hint=alice%40example.com"), "{said}");

    let said = setup.login(&["--prompt", "login", "--login-hint", "Alice & co"]);
    assert!(said.contains("&prompt=login&"), "{said}");
    assert!(said.contains("&login_hint=Alice+%26+co"), "{said}");
    let said = setup.login(&[]);
    assert!(said.contains("&prompt=consent&"), "for once only: {said}");
}
