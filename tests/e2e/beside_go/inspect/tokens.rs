//! The PK token in an inspected certificate.

use opkssh_protocol::base64url;
use opkssh_protocol::control::KeyType;
use opkssh_test_support::{Part, left_out};
use serde_json::json;

use super::Stage;
use crate::beside_go::{Go, Intended};

#[test]
fn inspected_tokens() {
    if left_out(&[Part::Go]) {
        return;
    }
    const TOKENS: [Intended; 6] = [
        (
            &["control characters"],
            Go::SaysOtherwise,
            "control characters",
        ),
        (
            &["numbers and null"],
            Go::SaysOtherwise,
            "numbers above 2^53",
        ),
        (
            &["refused by verify"],
            Go::SaysOtherwise,
            "that `verify` refuses for its form",
        ),
        (
            &["no client part"],
            Go::SaysOtherwise,
            "that `verify` refuses for its form",
        ),
        (&["null header"], Go::Panics, "header that is `null`"),
        (
            &["at+jwt"],
            Go::SaysOtherwise,
            "`at+jwt` (45) | one build shows",
        ),
    ];
    let mut stage = Stage::new(&TOKENS);
    for (name, claims) in [
        ("audience", json!({"aud": ["a", "b"]})),
        ("audience", json!({"aud": ["a"]})),
        ("audience", json!({"aud": ""})),
        ("audience", json!({"aud": null})),
        ("refused by verify", json!({"aud": 5})),
        ("subject", json!({"sub": ""})),
        ("subject", json!({"sub": null})),
        ("issuer", json!({"iss": ""})),
        ("issuer", json!({"iss": null})),
        ("expired", json!({"exp": 1, "iat": 1})),
        (
            "escapes",
            json!({"x": "<a href=\"x\">&\u{2028}\u{e9}\u{1f600}\\/\u{8}\u{c}"}),
        ),
        ("escapes", json!({"<&>": "x", "\u{e9}": 1})),
        ("control characters", json!({"sub": "a\u{1b}[2J\n\u{202e}"})),
        ("control characters", json!({"x": "a\u{9b}\u{202e}"})),
        ("control characters", json!({"x": "\u{7f}"})),
        (
            "numbers",
            json!({"x": [0, -1, 1.5, 1e21, 1e-7, 123_456_789_012_i64, 1e6, 1_795_346_927]}),
        ),
        (
            "numbers and null",
            json!({"x": [9_007_199_254_740_993_i64, u64::MAX, 1e300]}),
        ),
        (
            "nested",
            json!({"x": {"b": [], "a": {}, "c": [[1], {"z": null}]}}),
        ),
        ("types", json!({"email": 5})),
        ("types", json!({"groups": "x"})),
        ("types", json!({"iat": "x"})),
        ("types", json!({"email_verified": "true", "auth_time": 1.5})),
    ] {
        stage.login(name, KeyType::Ecdsa, |login| {
            for (claim, value) in claims.as_object().unwrap() {
                login.claims[claim] = value.clone();
            }
        });
    }
    for (name, member, value) in [
        ("refused by verify", "alg", json!("none")),
        ("refused by verify", "alg", json!("HS256")),
        ("header", "alg", json!("RS256")),
        ("header", "alg", json!("x")),
        ("header", "kid", json!("<&>")),
        ("numbers and null", "kid", json!(null)),
        ("at+jwt", "typ", json!("at+jwt")),
        ("header", "x", json!({"b": [1, 2.5], "a": null})),
        ("refused by verify", "crit", json!(["x"])),
    ] {
        stage.login(name, KeyType::Ecdsa, |login| {
            login.id_header[member] = value.clone()
        });
    }
    for (name, member, value) in [
        ("client's header", "rz", json!("<&>")),
        ("refused by verify", "rz", json!(5)),
        ("client's header", "x", json!(["\u{2028}"])),
        ("refused by verify", "crit", json!(["x"])),
        ("refused by verify", "alg", json!("none")),
    ] {
        stage.login(name, KeyType::Ed25519, |login| {
            login.cic_header[member] = value.clone()
        });
    }
    for payload in ["null", "[]", "{}", "{", "5", ""] {
        let name = if payload == "null" {
            "refused by verify"
        } else {
            "payload"
        };
        stage.login(name, KeyType::Ecdsa, |login| {
            login.payload = Some(payload.into())
        });
    }
    type Twist = fn(String) -> String;
    let twists: [(&str, Twist); 9] = [
        ("cosigner", |c| {
            c + ":" + &base64url::encode("{\"typ\":\"COS\",\"x\":1}") + ":AAAA"
        }),
        ("refused by verify", |c| c + ".a.b.c"),
        ("refreshed", |c| c + ".a.b"),
        ("no client part", |c| {
            c.splitn(4, ':').take(3).collect::<Vec<_>>().join(":")
        }),
        ("two segments", |c| {
            c.splitn(3, ':').take(2).collect::<Vec<_>>().join(":")
        }),
        ("null header", |c| c + ":bnVsbA:AAAA"),
        ("junk", |c| c + ":x"),
        ("junk", |_| "::::".into()),
        ("junk", |c| c.replacen(':', "=:", 1)),
    ];
    for (name, twist) in twists {
        stage.login(name, KeyType::Ecdsa, |login| login.twist = twist);
    }
    stage.beside.end(15);
}
