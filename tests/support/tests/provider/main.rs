//! Proof that the npm provider serves what its options say, with the scripted
//! browser and curl as the client.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod client;

use client::{Client, header, payload};
use opkssh_test_support::{
    Browser, BrowserMode, Client as Registered, Home, Part, Provider, ProviderOptions, left_out,
    wait_until,
};

#[test]
fn a_login_gives_an_id_token_with_the_claims_in_it() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let provider = Provider::start(ProviderOptions {
        id_token_ttl: 70,
        ..Default::default()
    });
    let client = Client::new(&provider);
    let tokens = client.login("openid email profile offline_access");
    let claims = payload(&tokens.id_token);

    assert_eq!(claims["iss"], provider.issuer());
    assert_eq!(claims["aud"], "opkssh-test");
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["email"], "alice@example.com");
    assert_eq!(claims["email_verified"], true);
    assert_eq!(claims["groups"][1], "admins");
    assert_eq!(claims["nonce"], "a-nonce");
    assert_eq!(
        claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
        70
    );
    assert!(tokens.refresh_token.is_some());
    assert_eq!(provider.authorizations(), 1);
    assert_eq!(provider.granted("authorization_code"), 1);
    assert!(
        provider
            .log()
            .iter()
            .any(|seen| seen.path == "/token" && seen.auth_style == "none")
    );
}

#[test]
fn every_signing_algorithm_is_to_be_had() {
    if left_out(&[Part::Provider]) {
        return;
    }
    for alg in ["RS256", "PS256", "ES256", "EdDSA"] {
        let provider = Provider::start(ProviderOptions {
            id_token_signing_alg: alg,
            ..Default::default()
        });
        let tokens = Client::new(&provider).login("openid email");
        assert_eq!(header(&tokens.id_token)["alg"], alg);
    }
}

#[test]
fn the_nonce_is_repeated_on_refresh_or_not_as_told() {
    if left_out(&[Part::Provider]) {
        return;
    }
    for repeat in [true, false] {
        for rotate in [true, false] {
            let provider = Provider::start(ProviderOptions {
                repeat_nonce_on_refresh: repeat,
                rotate_refresh_tokens: rotate,
                ..Default::default()
            });
            let client = Client::new(&provider);
            let mut refresh_token = client
                .login("openid email offline_access")
                .refresh_token
                .unwrap();
            for _ in 0..2 {
                let tokens = client.refresh(&refresh_token).expect("a refresh");
                let claims = payload(&tokens.id_token);
                assert_eq!(claims["nonce"].as_str(), repeat.then_some("a-nonce"));
                assert_eq!(claims["email"], "alice@example.com");
                let next = tokens
                    .refresh_token
                    .unwrap_or_else(|| refresh_token.clone());
                assert_eq!(next != refresh_token, rotate);
                refresh_token = next;
            }
            assert_eq!(provider.granted("refresh_token"), 2);
        }
    }
}

#[test]
fn refresh_tokens_come_with_offline_access_or_always() {
    if left_out(&[Part::Provider]) {
        return;
    }
    for always in [false, true] {
        let provider = Provider::start(ProviderOptions {
            always_issue_refresh_token: always,
            ..Default::default()
        });
        let tokens = Client::new(&provider).login("openid email");
        assert_eq!(tokens.refresh_token.is_some(), always);
    }
}

#[test]
fn a_client_with_a_secret_must_send_it() {
    if left_out(&[Part::Provider]) {
        return;
    }
    for method in ["client_secret_basic", "client_secret_post"] {
        let provider = Provider::start(ProviderOptions {
            clients: vec![Registered::secret("with-secret", "the-secret", method)],
            ..Default::default()
        });
        let client = Client::new(&provider);
        let refresh_token = client.login("openid offline_access").refresh_token.unwrap();
        assert!(client.without_secret().refresh(&refresh_token).is_none());
        assert!(client.refresh(&refresh_token).is_some());
        let styles: Vec<_> = provider
            .log()
            .into_iter()
            .filter(|seen| seen.status == 200)
            .collect();
        let style = method.strip_prefix("client_secret_").unwrap();
        assert!(
            styles
                .iter()
                .any(|seen| seen.path == "/token" && seen.auth_style == style),
            "{styles:?}"
        );
    }
}

#[test]
fn the_person_can_refuse_and_the_browser_can_be_lured() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let provider = Provider::start(ProviderOptions::default());
    let client = Client::new(&provider);

    client.browser().behave("alice", BrowserMode::Deny);
    let callback = client.callback("openid");
    assert!(callback.contains("error=access_denied"), "{callback}");
    assert!(callback.contains("state=a-state"), "{callback}");

    client.browser().behave("alice", BrowserMode::WrongState);
    let callback = client.callback("openid");
    assert!(
        callback.contains("code=") && !callback.contains("state=a-state&"),
        "{callback}"
    );
    assert!(
        callback.contains("state=a-state-nobody-asked-for"),
        "{callback}"
    );

    client.browser().behave("alice", BrowserMode::Ignore);
    let opened = client.browser().openings();
    client.open("https://localhost:1/never-asked");
    assert_eq!(client.browser().openings(), opened + 1);
}

#[test]
fn a_remembered_person_needs_no_login_page() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let provider = Provider::start(ProviderOptions {
        silent_for_native_clients: true,
        ..Default::default()
    });
    let client = Client::new(&provider);
    client.browser().remember("bob");
    client.callback("openid");
    // prompt=none is granted to whom the provider knows and who consented (OpenID Connect Core 3.1.2.1).
    let silent = client.silent_callback("openid");
    assert!(silent.contains("code="), "{silent}");

    client.browser().behave("bob", BrowserMode::Login);
    let unknown = client.silent_callback("openid");
    assert!(unknown.contains("error=login_required"), "{unknown}");
}

#[test]
fn the_device_flow_is_on() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let provider = Provider::start(ProviderOptions::default());
    let client = Client::new(&provider);
    let device = client.start_device_flow("openid email offline_access");
    let code = device["device_code"].as_str().unwrap();
    assert!(
        client.device_tokens(code).is_none(),
        "nobody has confirmed yet"
    );
    client.open(device["verification_uri_complete"].as_str().unwrap());
    let tokens = client.device_tokens(code).expect("tokens");
    assert_eq!(payload(&tokens.id_token)["email"], "alice@example.com");
    assert!(tokens.refresh_token.is_some());
}

#[test]
fn the_provider_fails_holds_closes_and_forgets_as_told() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let provider = Provider::start(ProviderOptions {
        rotate_refresh_tokens: false,
        ..Default::default()
    });
    let client = Client::new(&provider);
    let refresh_token = client.login("openid offline_access").refresh_token.unwrap();

    provider.fail("/token", 503, 1);
    assert!(client.refresh(&refresh_token).is_none());
    assert!(client.refresh(&refresh_token).is_some());

    provider.hold("/token");
    let waiting = client.start_refresh(&refresh_token);
    wait_until("the request is there", || {
        provider
            .log()
            .last()
            .filter(|seen| seen.path == "/token" && seen.status == 0)
            .map(|_| ())
    });
    assert_eq!(provider.release("/token"), 1);
    assert!(waiting.wait().stdout().contains("id_token"));

    provider.close();
    assert!(client.refresh(&refresh_token).is_none());
    provider.open();
    assert!(client.refresh(&refresh_token).is_some());

    provider.revoke("alice");
    assert!(client.refresh(&refresh_token).is_none());
    assert_eq!(provider.log().last().unwrap().error, "invalid_grant");
}

#[test]
fn no_other_ca_is_trusted_and_the_provider_needs_this_one() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let (one, other) = (
        Provider::start(ProviderOptions::default()),
        Provider::start(ProviderOptions::default()),
    );
    let home = Home::new("/bin/sh");
    one.trusted_in(&home);
    let browser = Browser::install(&home);
    let discovery = |issuer: &str| format!("{issuer}/.well-known/openid-configuration");
    assert_eq!(
        home.command(browser.launcher())
            .arg(discovery(one.issuer()))
            .run()
            .code(),
        Some(0)
    );
    assert_eq!(
        home.command(browser.launcher())
            .arg(discovery(other.issuer()))
            .run()
            .code(),
        Some(1)
    );
}
