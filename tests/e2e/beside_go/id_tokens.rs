//! The ID token: issuer, audience, times, and what is refreshed.

use opkssh_protocol::base64url;
use opkssh_protocol::control::KeyType;
use opkssh_test_support::{Part, left_out, user_name};
use serde_json::{Value, json};

use super::{BesideGo, Go, Intended};
use crate::server::verify_refusals::attempt::{Attempt, now};
use crate::server::verify_refusals::forge::CLIENT;

const CLAIMS: [Intended; 8] = [
    (&["no subject"], Go::Accepts, "without `sub`"),
    (&["joined audiences"], Go::Accepts, "(63)"),
    (&["number in the audience"], Go::Panics, "(64)"),
    (&["from the future"], Go::Accepts, "(78, 79)"),
    (&["start"], Go::Accepts, "`nbf` that is not a number"),
    (&["letter case"], Go::Accepts, "(89)"),
    (&["letter case"], Go::Refuses, "(89)"),
    (&["twice"], Go::Accepts, "(89)"),
];

/// By name: members of the payload, and the expiration in `providers`.
fn claims() -> Vec<(&'static str, &'static str, Value)> {
    let now = now();
    let mut all = Vec::new();
    for (name, claims) in [
        ("plain", json!({})),
        ("issuer", json!({"iss": "https://op.example"})),
        ("issuer", json!({"iss": ""})),
        ("issuer", json!({"iss": 5})),
        ("issuer", json!({"iss": null})),
        ("audience", json!({"aud": [CLIENT, "other"]})),
        ("audience", json!({"aud": ["other", CLIENT]})),
        ("audience", json!({"aud": ["other"]})),
        ("audience", json!({"aud": []})),
        ("audience", json!({"aud": ""})),
        ("audience", json!({"aud": null})),
        ("audience", json!({"aud": 5})),
        ("audience", json!({"aud": {}})),
        ("audience", json!({"aud": CLIENT.to_uppercase()})),
        ("joined audiences", json!({"aud": format!("x,{CLIENT}")})),
        ("joined audiences", json!({"aud": [format!("{CLIENT},x")]})),
        ("number in the audience", json!({"aud": [CLIENT, 5]})),
        ("number in the audience", json!({"aud": [null, CLIENT]})),
        ("azp", json!({"azp": "other"})),
        ("no subject", json!({"sub": ""})),
        ("no subject", json!({"sub": null})),
        ("subject", json!({"sub": 5})),
        ("email", json!({"email": 5})),
        ("email", json!({"email": ["alice@x.example"]})),
        ("email", json!({"email": ""})),
        ("email_verified", json!({"email_verified": "yes"})),
        ("email_verified", json!({"email_verified": [1]})),
        ("typed", json!({"preferred_username": 5})),
        ("typed", json!({"given_name": []})),
        ("typed", json!({"family_name": {}})),
        ("typed", json!({"groups": "dev"})),
        ("typed", json!({"groups": [1]})),
        ("typed", json!({"groups": null})),
        ("typed", json!({"groups": []})),
        ("typed", json!({"scopes": "a b"})),
        ("typed", json!({"scopes": ["a"]})),
        ("typed", json!({"cnf": {"jwk": {}}})),
        ("typed", json!({"cnf": "x"})),
        (
            "further",
            json!({"x": {"y": [1.5, null, 1e300]}, "\u{e9}": "\u{1f600}"}),
        ),
        ("times", json!({"iat": null})),
        ("times", json!({"iat": 0})),
        ("times", json!({"iat": -5})),
        ("times", json!({"iat": now.to_string()})),
        ("times", json!({"iat": now as f64 + 0.5 - 100.0})),
        ("times", json!({"iat": 1e30})),
        ("times", json!({"iat": now - 80_000})),
        ("times", json!({"iat": now - 90_000})),
        ("times", json!({"exp": now - 60})),
        ("times", json!({"exp": 0})),
        ("times", json!({"exp": -1})),
        ("times", json!({"exp": "x"})),
        ("times", json!({"exp": null})),
        ("times", json!({"nbf": now - 60})),
        ("start", json!({"nbf": "x"})),
        ("times", json!({"nbf": 1.5})),
        ("times", json!({"iat": now + 30})),
        ("from the future", json!({"iat": now + 7200})),
        ("from the future", json!({"nbf": now + 7200})),
        ("from the future", json!({"iat": 1_i64 << 40})),
    ] {
        all.push((name, "24h", claims));
    }
    for (expiration, claims) in [
        ("12h", json!({"iat": now - 11 * 3600})),
        ("12h", json!({"iat": now - 13 * 3600})),
        ("48h", json!({"iat": now - 47 * 3600})),
        ("48h", json!({"iat": now - 49 * 3600})),
        ("1week", json!({"iat": now - 167 * 3600})),
        ("1week", json!({"iat": now - 169 * 3600})),
        ("never", json!({"iat": 1})),
        ("never", json!({"iat": null, "exp": null})),
        ("never", json!({"iat": 0})),
        ("never", json!({"iat": -1})),
        ("never", json!({"exp": 1})),
        ("oidc", json!({"exp": now + 3600})),
        ("oidc", json!({"exp": now - 5})),
        ("oidc", json!({"exp": null})),
        ("oidc", json!({"exp": 0})),
        ("oidc", json!({"exp": -5})),
        ("oidc", json!({"iat": null})),
        ("oidc", json!({"iat": 1})),
        ("oidc_refreshed", json!({"exp": now + 3600})),
        ("oidc_refreshed", json!({"exp": now - 5})),
        ("oidc_refreshed", json!({"exp": null})),
    ] {
        all.push(("times", expiration, claims));
    }
    all
}

#[test]
fn claims_of_an_id_token() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut beside, user) = (BesideGo::new(&CLAIMS), user_name());
    let mut run = |name, expiration: &str, attempt: &Attempt| {
        attempt.expiration(expiration);
        let (kind, base64) = attempt.words();
        let (go, ours) = beside.verify(attempt, &[&user, &base64, &kind]);
        let input = format!("{expiration} {}", attempt.login.payload_text());
        beside.agree(&[name], input, &go, &ours);
    };
    for (name, expiration, claims) in claims() {
        let attempt = Attempt::with(|login| {
            for (claim, value) in claims.as_object().unwrap() {
                login.claims[claim] = value.clone();
            }
        });
        run(name, expiration, &attempt);
    }
    // what serde_json would not write
    for (name, from, to) in [
        (
            "twice",
            "\"email\":",
            "\"email\":\"bob@x.example\",\"email\":",
        ),
        (
            "twice",
            "\"email\":",
            "\"\\u0065mail\":\"bob@x.example\",\"email\":",
        ),
        ("twice", "\"sub\":", "\"sub\":\"x\",\"sub\":"),
        (
            "letter case",
            "\"sub\":",
            "\"Email\":\"bob@x.example\",\"sub\":",
        ),
        (
            "letter case",
            "\"alice@x.example\"",
            "\"bob@x.example\",\"EMAIL\":\"alice@x.example\"",
        ),
        (
            "letter case",
            "\"nonce\":",
            "\"ISS\":\"https://op.example\",\"nonce\":",
        ),
        ("space", "\"email\":", " \n\"email\" : "),
        ("escapes", "alice@", "\\u0061lice\\u0040"),
        ("escapes", "alice@", "\\ud83dlice@"),
        ("escapes", "alice@", "a\tlice@"),
        ("broken", "\"email\":", "\"email\"="),
        ("broken", "\"email\":", "email:"),
        ("broken", "\"sub\":", ",\"sub\":"),
        ("broken", "\"sub\":", "\"x\":01,\"sub\":"),
        ("broken", "\"sub\":", "\"x\":NaN,\"sub\":"),
        (
            "deep",
            "\"sub\":",
            &format!("\"x\":{}{},\"sub\":", "[".repeat(60), "]".repeat(60)),
        ),
    ] {
        let attempt = Attempt::with(|login| {
            login.claims["nonce"] = "%NONCE%".into();
            let text = login.claims.to_string();
            assert!(text.contains(from));
            login.payload = Some(text.replacen(from, to, 1));
        });
        run(name, "24h", &attempt);
    }
    for payload in [
        "null",
        "[]",
        "\"x\"",
        "5",
        "",
        "{",
        "{}",
        "{}{}",
        "\u{feff}{}",
    ] {
        let attempt = Attempt::with(|login| login.payload = Some(payload.to_owned()));
        run("no object", "24h", &attempt);
    }
    beside.end(30);
}

const REFRESHED: [Intended; 2] = [
    (&["not genuine", "oidc_refreshed"], Go::Accepts, "(81, 82)"),
    (&["no ID token", "24h"], Go::Accepts, "(83)"),
];

#[test]
fn a_refreshed_id_token() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut beside, user) = (BesideGo::new(&REFRESHED), user_name());
    let now = now();
    let attempt = Attempt::of(KeyType::Ed25519, |login| {
        login.claims["exp"] = json!(now - 60)
    });
    let login = &attempt.login;
    let fresh = |claims: Value| {
        let mut payload = login.claims.clone();
        payload["iat"] = json!(now - 10);
        payload["exp"] = json!(now + 3600);
        payload
            .as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        let payload = payload.to_string();
        let (header, signature) = login.id_token(&payload);
        format!("{header}.{}.{signature}", base64url::encode(payload))
    };
    let good = fresh(json!({}));
    let (signed, _) = good.rsplit_once('.').unwrap();
    for (name, refreshed) in [
        ("refreshed", good.clone()),
        ("refreshed", fresh(json!({"nonce": login.nonce()}))),
        ("not genuine", fresh(json!({"nonce": "other"}))),
        ("not genuine", fresh(json!({"sub": "sub-2"}))),
        ("not genuine", fresh(json!({"iss": "https://op.example"}))),
        ("not genuine", fresh(json!({"aud": "other"}))),
        ("not genuine", fresh(json!({"iat": now - 200}))),
        ("refreshed", fresh(json!({"exp": now - 1}))),
        ("refreshed", fresh(json!({"exp": null}))),
        (
            "not genuine",
            format!("{signed}.{}", base64url::encode([7; 64])),
        ),
        ("no ID token", "a.b.c".to_owned()),
        ("no ID token", "..".to_owned()),
        ("refreshed", "a.b".to_owned()),
        ("refreshed", "a.b.c.d".to_owned()),
        ("refreshed", String::new()),
    ] {
        for expiration in ["oidc", "oidc_refreshed", "24h"] {
            attempt.expiration(expiration);
            let token = format!("{}.{refreshed}", login.pk_token());
            let (kind, base64) = login.certificate.words(&attempt.key, &token);
            let (go, ours) = beside.verify(&attempt, &[&user, &base64, &kind]);
            beside.agree(&[name, expiration], &refreshed, &go, &ours);
        }
    }
    beside.end(3);
}
