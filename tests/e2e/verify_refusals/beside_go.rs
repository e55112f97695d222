//! The same files and the same logins for Go's `verify` and ours. Where the two disagree, the
//! pair must be on the list here, with the case of `docs/differences.md` that says why.

use std::path::Path;

use opkssh_test_support::{GoPeer, Part, left_out, user_name};
use serde_json::{Value, json};

use super::attempt::{Attempt, now};
use super::forge::CLIENT;
use crate::setup::OPKSSH;

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

/// Where they disagree on purpose: login, identity (`*`: every one that lets in), whether Go lets
/// in, and the words of the row in `docs/differences.md`.
const DOCUMENTED: [(&str, &str, bool, &str); 11] = [
    ("from the future", "*", true, "(78, 79)"),
    ("not before", "*", true, "(78, 79)"),
    ("joined audiences", "*", true, "(63)"),
    ("kelvin", "kurt@x.example", true, "(90)"),
    ("no email", "''", true, "(92)"),
    ("*", "oidc:groups:a:b", true, "(97)"),
    ("groups", "'oidc:groups:\"a:b\"'", false, "(97)"),
    ("number", "oidc:level:1000000", false, "(98)"),
    ("truth", "'oidc:none:<nil>'", true, "(99)"),
    ("*", "oidc-match-end:email:", true, "(93)"),
    ("*", "oidc:x", true, "(95, 96)"),
];

#[test]
fn differences_from_go_are_those_that_are_documented() {
    if left_out(&[Part::Go]) {
        return;
    }
    let documented = include_str!("../../../docs/differences.md");
    let (peer, user) = (GoPeer::new(), user_name());
    let mut undocumented = Vec::new();
    let mut seen = Vec::new();
    for (name, claims) in logins() {
        let attempt = Attempt::with(|login| {
            for (claim, value) in claims.as_object().unwrap() {
                login.claims[claim] = value.clone();
            }
        });
        let (key_type, base64) = attempt.words();
        let verify = |ours: bool| {
            let ca = Path::new("/dev/null");
            let run = match ours {
                true => peer.server_of(Path::new(OPKSSH), &attempt.etc, ca),
                false => peer.server(&attempt.etc, ca),
            };
            let output = run.args(["verify", &user, &base64, &key_type]).run();
            let line = output.any_stdout();
            assert_eq!(
                output.success(),
                !line.is_empty(),
                "{name}: {}",
                output.stderr()
            );
            line
        };
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
            let (ours, gos) = (verify(true), verify(false));
            if ours == gos {
                continue;
            }
            assert!(
                ours.is_empty() || gos.is_empty(),
                "{name}, {identity}: {ours}{gos}"
            );
            let known = DOCUMENTED.iter().position(|(login, row, go, words)| {
                [name, "*"].contains(login)
                    && [*identity, "*"].contains(row)
                    && *go == ours.is_empty()
                    && documented.contains(words)
            });
            match known {
                Some(index) => seen.push(index),
                None => undocumented.push(format!("{name}, {identity}: Go {gos:?}, ours {ours:?}")),
            }
        }
    }
    assert!(undocumented.is_empty(), "{}", undocumented.join("\n"));
    let stale: Vec<_> = (0..DOCUMENTED.len())
        .filter(|index| !seen.contains(index))
        // builds of Go's differ there, and this may be the other one
        .filter(|index| {
            let mut rows = documented
                .lines()
                .filter(|row| row.contains(DOCUMENTED[*index].3));
            !rows.any(|row| row.contains("one build"))
        })
        .map(|index| DOCUMENTED[index])
        .collect();
    assert!(stale.is_empty(), "listed, but not seen: {stale:?}");
}
