//! The running program, spoken to over http as a client and a browser would.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops that way"
)]

mod running;

use crate::running::{REDIRECT, Running, VERIFIER};

#[test]
fn a_login_gives_the_claims_that_were_asked_for() {
    let op = Running::start(&["--id-token-lifetime", "70"]);
    let tokens = op.exchange(&op.log_in("alice"), VERIFIER).ok();
    let claims = op.claims(&tokens);
    assert_eq!(claims["iss"], op.issuer.as_str());
    assert_eq!(claims["aud"], "opkssh-demo");
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["email"], "alice@demo.example");
    assert_eq!(claims["email_verified"], true);
    assert_eq!(claims["nonce"], "the-nonce");
    let seconds = |name: &str| claims[name].as_u64().unwrap();
    assert_eq!(seconds("exp") - seconds("iat"), 70);
}

#[test]
fn discovery_names_the_issuer_to_the_byte() {
    let op = Running::start(&[]);
    let document = op.get("/.well-known/openid-configuration").ok();
    assert_eq!(document["issuer"], op.issuer.as_str());
    assert!(op.issuer.starts_with("http://localhost:"), "{}", op.issuer);
    for endpoint in [
        "authorization_endpoint",
        "token_endpoint",
        "revocation_endpoint",
        "jwks_uri",
    ] {
        assert!(
            document[endpoint].as_str().unwrap().starts_with(&op.issuer),
            "{endpoint}"
        );
    }
}

#[test]
fn a_wrong_pkce_verifier_is_refused() {
    let op = Running::start(&[]);
    let code = op.log_in("alice");
    let wrong = VERIFIER.replace('d', "e");
    assert_eq!(op.exchange(&code, &wrong).error(), "invalid_grant");
    let none = op.token(&[
        ("grant_type", "authorization_code"),
        ("code", &op.log_in("alice")),
        ("redirect_uri", REDIRECT),
    ]);
    assert_eq!(none.error(), "invalid_grant");
}

#[test]
fn pkce_is_required_and_only_s256_will_do() {
    let op = Running::start(&[]);
    for (name, value) in [
        ("code_challenge", ""),
        ("code_challenge_method", "plain"),
        ("code_challenge_method", ""),
    ] {
        let answer = op.authorize(&[(name, value)]).location();
        assert_eq!(answer["error"], "invalid_request", "{name}={value}");
        assert_eq!(answer["state"], "the-state");
    }
}

#[test]
fn a_code_works_once() {
    let op = Running::start(&[]);
    let code = op.log_in("alice");
    let tokens = op.exchange(&code, VERIFIER).ok();
    assert_eq!(op.exchange(&code, VERIFIER).error(), "invalid_grant");
    let refreshed = op.refresh(tokens["refresh_token"].as_str().unwrap());
    assert_eq!(
        refreshed.error(),
        "invalid_grant",
        "reuse must end what the code gave"
    );
}

#[test]
fn an_unknown_redirect_or_client_gets_a_page_not_a_redirect() {
    let op = Running::start(&[]);
    for (name, value) in [
        ("redirect_uri", "http://localhost:3000/elsewhere"),
        ("redirect_uri", "https://attacker.example/login-callback"),
        ("client_id", "somebody-else"),
    ] {
        let answer = op.authorize(&[(name, value)]);
        assert_eq!(answer.status, 400, "{name}={value}");
        assert_eq!(answer.header("location"), None);
    }
}

#[test]
fn the_token_request_must_repeat_the_redirect() {
    let op = Running::start(&[]);
    let answer = op.token(&[
        ("grant_type", "authorization_code"),
        ("code", &op.log_in("alice")),
        ("redirect_uri", "http://localhost:3001/login-callback"),
        ("code_verifier", VERIFIER),
    ]);
    assert_eq!(answer.error(), "invalid_grant");
}

#[test]
fn another_way_to_name_the_client_is_refused_without_losing_the_code() {
    let op = Running::start(&[]);
    let code = op.log_in("alice");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let unnamed = op.post("/token", &form);
    assert_eq!(
        (unnamed.status, unnamed.error()),
        (401, "invalid_client".into())
    );
    op.exchange(&code, VERIFIER).ok();
}

#[test]
fn a_refreshed_token_repeats_the_nonce() {
    let op = Running::start(&[]);
    let tokens = op.exchange(&op.log_in("alice"), VERIFIER).ok();
    let refreshed = op.refresh(tokens["refresh_token"].as_str().unwrap()).ok();
    let claims = op.claims(&refreshed);
    assert_eq!(claims["nonce"], "the-nonce");
    assert_eq!(claims["sub"], "alice");
}

#[test]
fn a_refreshed_token_leaves_the_nonce_out_when_told_so() {
    let op = Running::start(&["--no-nonce-on-refresh"]);
    let tokens = op.exchange(&op.log_in("alice"), VERIFIER).ok();
    assert_eq!(op.claims(&tokens)["nonce"], "the-nonce");
    let refreshed = op.refresh(tokens["refresh_token"].as_str().unwrap()).ok();
    assert_eq!(op.claims(&refreshed).get("nonce"), None);
}

#[test]
fn an_old_refresh_token_is_refused_and_ends_the_login() {
    let op = Running::start(&[]);
    let tokens = op.exchange(&op.log_in("alice"), VERIFIER).ok();
    let old = tokens["refresh_token"].as_str().unwrap();
    let refreshed = op.refresh(old).ok();
    let new = refreshed["refresh_token"].as_str().unwrap();
    assert_ne!(old, new);
    assert_eq!(op.refresh(old).error(), "invalid_grant");
    assert_eq!(
        op.refresh(new).error(),
        "invalid_grant",
        "reuse must end the whole family"
    );
}

#[test]
fn a_revoked_refresh_token_is_refused() {
    let op = Running::start(&[]);
    let tokens = op.exchange(&op.log_in("alice"), VERIFIER).ok();
    let token = tokens["refresh_token"].as_str().unwrap();
    op.post("/revoke", &[("client_id", "opkssh-demo"), ("token", token)])
        .ok();
    assert_eq!(op.refresh(token).error(), "invalid_grant");
}

#[test]
fn cancelling_says_access_denied() {
    let op = Running::start(&[]);
    let request = op.authorize(&[]).request_id();
    let answer = op
        .post("/login", &[("request", &request), ("decision", "cancel")])
        .location();
    assert_eq!(answer["error"], "access_denied");
    assert_eq!(answer["state"], "the-state");
}

#[test]
fn a_password_from_stdin_is_the_only_one() {
    let op = Running::start_with(&["--password-stdin"], "open sesame\n");
    let request = op.authorize(&[]).request_id();
    let wrong = [
        ("request", request.as_str()),
        ("username", "alice"),
        ("password", "guess"),
    ];
    assert_eq!(op.post("/login", &wrong).status, 403);
    let right = [
        ("request", request.as_str()),
        ("username", "alice"),
        ("password", "open sesame"),
    ];
    assert!(op.post("/login", &right).location().contains_key("code"));
    assert_eq!(
        op.post("/login", &right).status,
        400,
        "a login page is answered once"
    );
}

#[test]
fn it_ends_when_stdin_closes() {
    assert!(Running::start(&[]).close_stdin().success());
}
