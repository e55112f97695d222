//! Logins with differing claims, and each form of a row's second column.

use opkssh_test_support::{Part, left_out, user_name};
use serde_json::{Value, json};

use super::{BesideGo, Go, Intended};
use crate::server::verify_refusals::attempt::{Attempt, now};
use crate::server::verify_refusals::forge::CLIENT;

/// What may be said about a login, by a change of its claims.
fn logins() -> Vec<(&'static str, Value)> {
    vec![
        ("plain", json!({})),
        ("upper case", json!({"email": "Alice@X.example"})),
        ("unverified", json!({"email_verified": false})),
        ("verified as a text", json!({"email_verified": "true"})),
        (
            "look-alike",
            json!({"email": "alice@x.example".replace('s', "ſ"), "sub": "ſub-1"}),
        ),
        ("kelvin", json!({"email": "\u{212a}urt@x.example"})),
        ("no email", json!({"email": null})),
        ("groups", json!({"groups": ["dev", "a:b", "b"]})),
        ("number", json!({"level": 1_000_000, "small": 5})),
        ("truth", json!({"admin": true, "none": null, "x": "x"})),
        ("old", json!({"iat": now() - 25 * 3600})),
        ("from the future", json!({"iat": now() + 3600})),
        ("not before", json!({"nbf": now() + 3600})),
        ("expired by itself", json!({"exp": now() - 60})),
        ("two audiences", json!({"aud": [CLIENT, "other"]})),
        ("joined audiences", json!({"aud": format!("x,{CLIENT}")})),
        ("other audience", json!({"aud": "other"})),
        ("azp", json!({"azp": "other"})),
        ("numeric jti", json!({"jti": 5})),
        (
            "repository",
            json!({"sub": "repo:org/app:ref:refs/heads/main"}),
        ),
    ]
}

/// Second columns of `auth_id`, as they stand in the file.
const IDENTITIES: [&str; 21] = [
    "alice@x.example",
    "ALICE@X.EXAMPLE",
    "kurt@x.example",
    "sub-1",
    "Sub-1",
    "''",
    "oidc:groups:dev",
    "oidc:groups:a:b",
    "'oidc:groups:\"a:b\"'",
    "oidc:email:alice@x.example",
    "oidc:level:1000000",
    "oidc:level:1e+06",
    "oidc:small:5",
    "oidc:admin:true",
    "'oidc:none:<nil>'",
    "oidc:x",
    "oidc-match-end:email:@x.example",
    "oidc-match-end:email:example",
    "oidc-match-end:email:",
    "'repo:org/app:ref:refs/heads/*'",
    "'repo:org/*'",
];

const INTENDED: [Intended; 11] = [
    (&["from the future"], Go::Accepts, "(78, 79)"),
    (&["not before"], Go::Accepts, "(78, 79)"),
    (&["joined audiences"], Go::Accepts, "(63)"),
    (&["kelvin", "kurt@x.example"], Go::Accepts, "(90)"),
    (&["no email", "''"], Go::Accepts, "(92)"),
    (&["oidc:groups:a:b"], Go::Accepts, "(97)"),
    (&["groups", "'oidc:groups:\"a:b\"'"], Go::Refuses, "(97)"),
    (&["number", "oidc:level:1000000"], Go::Refuses, "(98)"),
    (&["truth", "'oidc:none:<nil>'"], Go::Accepts, "(99)"),
    (&["oidc-match-end:email:"], Go::Accepts, "(93)"),
    (&["oidc:x"], Go::Accepts, "(95, 96)"),
];

#[test]
fn who_is_let_in_by_which_row() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut beside, user) = (BesideGo::new(&INTENDED), user_name());
    for (name, claims) in logins() {
        let attempt = Attempt::with(|login| {
            for (claim, value) in claims.as_object().unwrap() {
                login.claims[claim] = value.clone();
            }
        });
        let (key_type, base64) = attempt.words();
        // about the token as a whole: it is the same for every row
        let whole = ["iat", "nbf", "exp", "aud", "azp", "jti"];
        let is_whole = claims
            .as_object()
            .unwrap()
            .keys()
            .any(|claim| whole.contains(&claim.as_str()));
        let rows = if is_whole { 4 } else { IDENTITIES.len() };
        for identity in &IDENTITIES[..rows] {
            let row = format!("{user} {identity} {}\n", attempt.issuer);
            attempt.etc.write("auth_id", &row);
            let (go, ours) = beside.verify(&attempt, &[&user, &base64, &key_type]);
            beside.agree(&[name, identity], &claims, &go, &ours);
        }
    }
    beside.end(30);
}
