//! The key set that the provider publishes.

use opkssh_test_support::{Part, left_out, user_name};
use serde_json::{Value, json};

use super::{BesideGo, Go, Intended};
use crate::server::verify_refusals::attempt::Attempt;
use crate::server::verify_refusals::forge::{Login, ProviderKey};

const KEYS: [Intended; 4] = [
    (&["no algorithm"], Go::Refuses, "(68)"),
    (&["for encryption"], Go::Accepts, "(70)"),
    (&["unreadable key"], Go::Refuses, "(71)"),
    (&["same name"], Go::Refuses, "(73)"),
];

type Change = Box<dyn FnOnce(&mut Login)>;

fn key_changes() -> Vec<(&'static str, Change)> {
    let mut all: Vec<(&'static str, Change)> = Vec::new();
    let mut add = |name, change: Change| all.push((name, change));
    add("plain", Box::new(|_| ()));
    for (name, member, value) in [
        ("for encryption", "use", json!("enc")),
        ("use", "use", Value::Null),
        ("other name", "kid", json!("k2")),
        ("other name", "kid", json!("K1")),
        ("other algorithm", "alg", json!("RS256")),
        ("other algorithm", "alg", json!("ES384")),
        ("other algorithm", "alg", json!("x")),
        ("no algorithm", "alg", Value::Null),
        ("further", "key_ops", json!(["verify"])),
        ("further", "x", json!("AAAA")),
        ("further", "crv", json!("P-384")),
        ("further", "kty", json!("x")),
        ("further", "x5u", json!("https://op.example")),
    ] {
        add(
            name,
            Box::new(move |login| login.keys["keys"][0][member] = value),
        );
    }
    for (name, member) in [
        ("no algorithm", "alg"),
        ("no use", "use"),
        ("no name", "kid"),
        ("incomplete", "y"),
        ("incomplete", "kty"),
    ] {
        let change = move |login: &mut Login| {
            login.keys["keys"][0]
                .as_object_mut()
                .unwrap()
                .remove(member);
        };
        add(name, Box::new(change));
    }
    let named = |kid: &str| {
        let mut key = ProviderKey::es256().published();
        key["kid"] = kid.into();
        key
    };
    for (name, first, other) in [
        ("two keys", true, named("k2")),
        ("two keys", false, named("k2")),
        ("same name", true, named("k1")),
        ("two keys", false, named("k1")),
        ("same name", true, ProviderKey::rs256().published()),
        (
            "unreadable key",
            true,
            json!({"kty": "AKP", "kid": "x", "alg": "ML-DSA-65"}),
        ),
        (
            "unreadable key",
            false,
            json!({"kty": "AKP", "kid": "x", "alg": "ML-DSA-65"}),
        ),
        ("unreadable key", false, json!({})),
        ("unreadable key", false, json!(5)),
        (
            "unreadable key",
            false,
            json!({"kty": "oct", "kid": "x", "k": "AAAA"}),
        ),
        (
            "unreadable key",
            false,
            json!({"kty": "RSA", "kid": "x", "n": "AAAA"}),
        ),
        (
            "odd point",
            false,
            json!({"kty": "EC", "crv": "P-256", "kid": "x", "x": "AAAA", "y": "AAAA"}),
        ),
    ] {
        let change = move |login: &mut Login| {
            let keys = login.keys["keys"].as_array_mut().unwrap();
            keys.insert(if first { 0 } else { 1 }, other);
        };
        add(name, Box::new(change));
    }
    for keys in [
        json!({"keys": []}),
        json!({}),
        json!([]),
        json!(null),
        json!({"keys": {}}),
    ] {
        add("no keys", Box::new(move |login| login.keys = keys));
    }
    let no_kid = |login: &mut Login| {
        login.id_header.as_object_mut().unwrap().remove("kid");
    };
    add("no kid", Box::new(no_kid));
    let two = named("k2");
    let no_kid_of_two = move |login: &mut Login| {
        no_kid(login);
        login.keys["keys"].as_array_mut().unwrap().push(two);
    };
    add("no kid", Box::new(no_kid_of_two));
    let rsa = |change: fn(&mut Login)| -> Change {
        Box::new(move |login| {
            login.provider_key = ProviderKey::rs256();
            login.id_header["alg"] = "RS256".into();
            login.keys = json!({"keys": [login.provider_key.published()]});
            change(login);
        })
    };
    add("RSA", rsa(|_| ()));
    add(
        "RSA",
        rsa(|login| login.keys["keys"][0]["alg"] = "RS512".into()),
    );
    add(
        "RSA",
        rsa(|login| login.keys["keys"][0]["alg"] = "PS256".into()),
    );
    add("RSA", rsa(|login| login.id_header["alg"] = "ES256".into()));
    add(
        "RSA",
        rsa(|login| {
            login.keys["keys"][0]
                .as_object_mut()
                .unwrap()
                .retain(|name, _| name != "alg")
        }),
    );
    add("RSA", rsa(|login| login.keys["keys"][0]["e"] = "Aw".into()));
    all
}

#[test]
fn keys_of_the_provider() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut beside, user) = (BesideGo::new(&KEYS), user_name());
    for (name, change) in key_changes() {
        let attempt = Attempt::with(change);
        let (kind, base64) = attempt.words();
        let (go, ours) = beside.verify(&attempt, &[&user, &base64, &kind]);
        let input = format!("{} {}", attempt.login.id_header, attempt.login.keys);
        beside.agree(&[name], input, &go, &ours);
    }
    beside.end(10);
}
