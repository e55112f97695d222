//! The PK token: its segments, its headers, its client's part.

use opkssh_protocol::base64url;
use opkssh_protocol::control::KeyType;
use opkssh_protocol::user_key::UserKey;
use opkssh_test_support::{Part, left_out, user_name};
use serde_json::{Value, json};

use super::{BesideGo, Go, Intended};
use crate::server::verify_refusals::attempt::Attempt;
use crate::server::verify_refusals::forge::{Login, ProviderKey};

/// Changes the compact token of a login.
type Twist = fn(&Login, String) -> String;

fn parts(compact: &str) -> Vec<String> {
    compact.split(':').map(str::to_owned).collect()
}

fn replaced(compact: &str, index: usize, with: &str) -> String {
    let mut parts = parts(compact);
    parts[index] = with.to_owned();
    parts.join(":")
}

fn flipped(compact: &str, index: usize) -> String {
    let mut bytes = base64url::decode(&parts(compact)[index]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    replaced(compact, index, &base64url::encode(bytes))
}

/// In this order.
fn chosen(compact: &str, indices: &[usize]) -> String {
    let parts = parts(compact);
    indices
        .iter()
        .map(|&index| parts[index].as_str())
        .collect::<Vec<_>>()
        .join(":")
}

fn cosigner(header: &str, signature: &str) -> String {
    format!(":{}:{signature}", base64url::encode(header))
}

const SEGMENTS: [Intended; 5] = [
    (&["no client part"], Go::Panics, "(35, 37)"),
    (&["null header"], Go::Panics, "(35, 37)"),
    (&["two of a kind"], Go::Accepts, "(41)"),
    (&["line breaks"], Go::Accepts, "(55)"),
    (&["other base64"], Go::Accepts, "(55)"),
];

const TWISTS: [(&str, Twist); 41] = [
    ("plain", |_, c| c),
    ("no client part", |_, c| chosen(&c, &[0, 1, 2])),
    ("no provider's part", |_, c| chosen(&c, &[0, 3, 4])),
    ("payload only", |_, c| chosen(&c, &[0])),
    ("two segments", |_, c| chosen(&c, &[0, 1])),
    ("four segments", |_, c| chosen(&c, &[0, 1, 2, 3])),
    ("other order", |_, c| chosen(&c, &[0, 3, 4, 1, 2])),
    ("two of a kind", |_, c| chosen(&c, &[0, 1, 2, 1, 2, 3, 4])),
    ("two of a kind", |_, c| chosen(&c, &[0, 1, 2, 3, 4, 3, 4])),
    ("two of a kind", |_, c| {
        chosen(
            &flipped(
                &(chosen(&c, &[0, 1, 2]) + ":" + &c[c.find(':').unwrap() + 1..]),
                2,
            ),
            &[0, 1, 2, 3, 4, 5, 6],
        )
    }),
    ("client's in the provider's place", |_, c| {
        chosen(&c, &[0, 3, 4, 3, 4])
    }),
    ("no segment", |_, _| String::new()),
    ("empty segments", |_, _| "::::".into()),
    ("empty signature", |_, c| replaced(&c, 2, "")),
    ("empty signature", |_, c| replaced(&c, 4, "")),
    ("empty header", |_, c| replaced(&c, 1, "")),
    ("empty header", |_, c| replaced(&c, 3, "")),
    ("empty payload", |_, c| replaced(&c, 0, "")),
    ("flipped", |_, c| flipped(&c, 0)),
    ("flipped", |_, c| flipped(&c, 1)),
    ("flipped", |_, c| flipped(&c, 2)),
    ("flipped", |_, c| flipped(&c, 3)),
    ("flipped", |_, c| flipped(&c, 4)),
    ("null header", |_, c| replaced(&c, 1, "bnVsbA")),
    ("null header", |_, c| replaced(&c, 3, "bnVsbA")),
    ("null header", |_, c| c + &cosigner("null", "AAAA")),
    ("list for a header", |_, c| replaced(&c, 1, "W10")),
    ("text for a header", |_, c| replaced(&c, 1, "IngI")),
    ("cosigner", |_, c| {
        c + &cosigner("{\"typ\":\"COS\"}", "AAAA")
    }),
    ("cosigner", |_, c| c + &cosigner("{\"typ\":\"COS\"}", "")),
    ("cosigner", |_, c| {
        c + &cosigner("{\"typ\":\"COS\",\"alg\":\"none\"}", "AAAA")
    }),
    ("other kind", |_, c| {
        c + &cosigner("{\"typ\":\"cos\"}", "AAAA")
    }),
    ("other kind", |_, c| {
        c + &cosigner("{\"typ\":\"XXX\"}", "AAAA")
    }),
    ("padding", |_, c| c.replacen(':', "=:", 1)),
    ("padding", |_, c| c + "="),
    ("line breaks", |_, c| c.replacen(':', "\n:", 1)),
    ("line breaks", |_, c| c + "\r\n"),
    ("blanks", |_, c| c + " "),
    ("blanks", |_, c| c.replacen(':', " :", 1)),
    ("junk", |_, c| c + ":x"),
    ("junk", |_, _| "\u{fc}:\u{fc}:\u{fc}".into()),
];

#[test]
fn segments_of_a_pk_token() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut beside, attempt, user) = (BesideGo::new(&SEGMENTS), Attempt::new(), user_name());
    let mut run = |names: &[&str], token: String| {
        let (kind, base64) = attempt.login.certificate.words(&attempt.key, &token);
        let (go, ours) = beside.verify(&attempt, &[&user, &base64, &kind]);
        let start: String = token.chars().rev().take(40).collect();
        beside.agree(names, format!("{names:?} {start:?}"), &go, &ours);
    };
    for (name, twist) in TWISTS {
        run(&[name], twist(&attempt.login, attempt.login.pk_token()));
    }
    // the same bytes in another spelling
    let token = attempt.login.pk_token();
    let standard = token.replace('-', "+").replace('_', "/");
    run(&["other base64"], standard);
    run(&["other base64"], with_trailing_bits(&token));
    beside.end(3);
}

/// Sets the unused bits of the first signature's last character, where it has some.
fn with_trailing_bits(compact: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut part = parts(compact)[2].clone();
    assert_ne!(part.len() % 4, 0);
    let last = part.pop().unwrap();
    let next = ALPHABET.find(last).unwrap() + 1;
    part.push(ALPHABET.chars().nth(next).unwrap());
    replaced(compact, 2, &part)
}

/// Changes a login before it is signed.
type Change = Box<dyn FnOnce(&mut Login)>;

const HEADERS: [Intended; 4] = [
    (&["no client part"], Go::Panics, "(35, 37)"),
    (&["x5c"], Go::Refuses, "(54)"),
    (&["crit"], Go::Accepts, "(52, 53)"),
    (&["at+jwt"], Go::Refuses, "(45)"),
];

fn header_changes() -> Vec<(&'static str, Change)> {
    let mut all: Vec<(&'static str, Change)> = Vec::new();
    for (name, member, value) in [
        ("alg", "alg", json!("none")),
        ("alg", "alg", json!("None")),
        ("alg", "alg", json!("HS256")),
        ("alg", "alg", json!("RS256")),
        ("alg", "alg", json!("ES384")),
        ("alg", "alg", json!("es256")),
        ("alg", "alg", json!("")),
        ("alg", "alg", Value::Null),
        ("alg", "alg", json!(5)),
        ("typ", "typ", json!("")),
        ("typ", "typ", json!("jwt")),
        ("at+jwt", "typ", json!("at+jwt")),
        ("at+jwt", "typ", json!("AT+JWT")),
        ("typ", "typ", json!("id_token")),
        ("typ", "typ", json!("dpop+id_token")),
        ("typ", "typ", json!("CIC")),
        ("typ", "typ", json!("COS")),
        ("typ", "typ", json!(5)),
        ("typ", "typ", Value::Null),
        ("crit", "crit", json!(["x"])),
        ("crit", "crit", json!([])),
        ("b64", "b64", json!(false)),
        ("kid", "kid", json!("k2")),
        ("kid", "kid", json!("K1")),
        ("kid", "kid", json!("")),
        ("kid", "kid", json!(1)),
        ("kid", "kid", Value::Null),
        ("keys", "jwk", ProviderKey::es256().jwk()),
        ("keys", "jku", json!("https://op.example/keys")),
        ("keys", "x5c", json!(["AAAA"])),
        ("x5c", "x5c", json!("AAAA")),
        ("further", "cty", json!("JWT")),
        ("further", "x", json!({"a": [1.5, null]})),
    ] {
        all.push((name, Box::new(move |login| login.id_header[member] = value)));
    }
    for member in ["typ", "kid", "alg"] {
        let remove = move |login: &mut Login| {
            login.id_header.as_object_mut().unwrap().remove(member);
        };
        all.push(("without", Box::new(remove)));
    }
    for (name, member, value) in [
        ("crit", "crit", json!(["x"])),
        ("typ", "typ", json!("cic")),
        ("no client part", "typ", json!("JWT")),
        ("client's alg", "alg", json!("EdDSA")),
        ("client's alg", "alg", json!("none")),
        ("rz", "rz", json!("x")),
        ("rz", "rz", json!("")),
        ("rz", "rz", json!(["x", {"y": true}])),
        ("rz", "rz", Value::Null),
        ("further", "note", json!("<&>\u{2028}\u{e9}\"\\\u{1}\u{8}")),
        ("further", "extra", json!({"b": ["x", true, null], "a": {}})),
        ("numbers", "rz", json!(5)),
        ("numbers", "x", json!({"y": [0]})),
        ("numbers", "x", json!(1.5)),
        ("upk", "upk", json!({})),
        ("upk", "upk", json!("x")),
        ("upk", "upk", Value::Null),
    ] {
        all.push((
            name,
            Box::new(move |login| login.cic_header[member] = value),
        ));
    }
    for (name, member) in [
        ("without", "rz"),
        ("without", "upk"),
        ("without", "alg"),
        ("no client part", "typ"),
    ] {
        let remove = move |login: &mut Login| {
            login.cic_header.as_object_mut().unwrap().remove(member);
        };
        all.push((name, Box::new(remove)));
    }
    for (member, value) in [
        ("d", json!("AAAA")),
        ("alg", json!("RS256")),
        ("alg", Value::Null),
        ("crv", json!("P-384")),
        ("kty", json!("RSA")),
        ("x", json!("AAAA")),
        ("x", json!("")),
        ("use", json!("enc")),
        ("kid", json!("x")),
        ("key_ops", json!(["sign"])),
    ] {
        all.push((
            "upk",
            Box::new(move |login| login.cic_header["upk"][member] = value),
        ));
    }
    let nonces = [json!(""), json!("x"), json!(5), json!([]), Value::Null];
    for nonce in nonces {
        let change = move |login: &mut Login| {
            login.commit = false;
            login.claims["nonce"] = nonce;
        };
        all.push(("nonce", Box::new(change)));
    }
    all
}

#[test]
fn headers_of_a_pk_token() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut beside, user) = (BesideGo::new(&HEADERS), user_name());
    for (name, change) in header_changes() {
        let attempt = Attempt::with(change);
        let (kind, base64) = attempt.words();
        let (go, ours) = beside.verify(&attempt, &[&user, &base64, &kind]);
        let input = format!("{}\n{}", attempt.login.id_header, attempt.login.cic_header);
        beside.agree(&[name], input, &go, &ours);
    }
    beside.end(15);
}

#[test]
fn somebody_else_s_token() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut beside, user) = (BesideGo::new(&[]), user_name());
    let victim = Attempt::new();
    let (kind, base64) = victim.words();
    let (go, ours) = beside.verify(&victim, &[&user, &base64, &kind]);
    beside.agree(&["the victim's own"], "", &go, &ours);
    for kind in [KeyType::Ecdsa, KeyType::Ed25519] {
        let thief = UserKey::generate(kind).unwrap();
        let (kind, base64) = victim
            .login
            .certificate
            .words(&thief, &victim.login.pk_token());
        let (go, ours) = beside.verify(&victim, &[&user, &base64, &kind]);
        beside.agree(&["stolen"], &kind, &go, &ours);
    }
    // the thief's client part around the victim's ID token
    let thief = Attempt::new();
    let (own, stolen) = (
        parts(&thief.login.pk_token()),
        parts(&victim.login.pk_token()),
    );
    let payload = &stolen[0];
    let signature = thief
        .login
        .user_key
        .sign_jws(format!("{}.{payload}", own[3]).as_bytes());
    let joined = [
        &stolen[..3],
        &[own[3].clone(), base64url::encode(signature)],
    ]
    .concat()
    .join(":");
    let (kind, base64) = victim.login.certificate.words(&thief.key, &joined);
    let (go, ours) = beside.verify(&victim, &[&user, &base64, &kind]);
    beside.agree(&["stolen"], &joined, &go, &ours);
    beside.end(1);
}
