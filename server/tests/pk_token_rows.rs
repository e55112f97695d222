//! Table 7.2 of the compatibility notes, "PK token", by row number.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod forge;

use forge::{Certificate, Login, ProviderKey};
use opkssh_protocol::base64url;
use opkssh_protocol::control::KeyType;
use opkssh_protocol::user_key::UserKey;
use serde_json::{Value, json};

fn login(change: impl FnOnce(&mut Login)) -> Login {
    Login::new().with(change)
}

#[test]
fn row_29_a_replayed_token_is_refused_before_the_provider_is_asked() {
    let victim = Login::new();
    let attacker = UserKey::generate(KeyType::Ecdsa).unwrap();
    let stolen = vec![("openpubkey-pkt".to_owned(), victim.pk_token())];
    let login = login(|login| {
        login.user_key = attacker;
        login.certificate = Certificate {
            extensions: Some(stolen),
            ..Certificate::new()
        };
    });
    login.refused("does not match public key in certificate");
    assert!(login.refused_before_keys());
}

#[test]
fn row_30_another_clients_claims_on_an_id_token() {
    let nonce = Login::new().nonce();
    let login = login(|login| {
        login.commit = false;
        login.claims["nonce"] = nonce.into();
    });
    login.refused("commitment claim doesn't match");
    assert!(login.refused_before_keys());
}

#[test]
fn row_31_and_32_no_signature_and_hmac() {
    for alg in [
        "none", "None", "HS256", "HS512", "RS384", "ES384", "es256", "",
    ] {
        let login = login(|login| login.id_header["alg"] = alg.into());
        login.refused("unsupported signature algorithm");
        assert!(login.refused_before_keys(), "{alg}");
    }
    login(|login| login.id_header = json!({"kid": "k1"})).refused("alg");
}

/// Segments: payload, ID token header and signature, CIC header and signature.
fn flip(compact: String, segment: usize) -> String {
    let mut segments: Vec<String> = compact.split(':').map(str::to_owned).collect();
    let mut bytes = base64url::decode(&segments[segment]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    segments[segment] = base64url::encode(bytes);
    segments.join(":")
}

#[test]
fn row_33_flipped_bits() {
    login(|login| login.twist = |c| flip(c, 0)).refused("");
    login(|login| login.twist = |c| flip(c, 2)).refused("signature does not verify");
    let client = login(|login| login.twist = |c| flip(c, 4));
    client.refused("client signature");
    assert!(client.refused_before_keys());
}

#[test]
fn no_character_of_a_token_can_be_another() {
    let login = Login::new();
    let compact = login.pk_token();
    for at in 0..compact.len() {
        // every character once, some with everything that has a meaning in the grammar
        let others = if at % 16 == 0 {
            &["A", "_", ".", ":", "=", ""][..]
        } else {
            &["A", "_"]
        };
        let mut others = others.iter().filter(|other| **other != &compact[at..=at]);
        for other in others.by_ref().take(if at % 16 == 0 { 6 } else { 1 }) {
            let mut changed = compact.clone();
            changed.replace_range(at..=at, other);
            let token = vec![("openpubkey-pkt".to_owned(), changed)];
            let certificate = Certificate {
                extensions: Some(token),
                ..Certificate::new()
            };
            let (kind, base64) = certificate.words(&login.user_key, "");
            assert!(
                login.outcome_of(&kind, &base64).is_err(),
                "{other:?} at {at}"
            );
        }
    }
}

#[test]
fn row_34_nonce_missing_wrong_or_a_number() {
    for nonce in [Value::Null, "".into(), "x".into(), 5.into(), json!([])] {
        let login = login(|login| {
            login.commit = false;
            login.claims["nonce"] = nonce;
        });
        login.refused("");
        assert!(login.refused_before_keys());
    }
}

fn segments(compact: &str) -> Vec<&str> {
    compact.split(':').collect()
}

#[test]
fn row_35_and_36_a_part_is_missing() {
    login(|login| login.twist = |c| segments(&c)[..3].join(":")).refused("no client signature");
    login(|login| {
        login.twist = |c| {
            let s = segments(&c);
            [s[0], s[3], s[4]].join(":")
        }
    })
    .refused("no provider signature");
}

#[test]
fn row_37_headers_that_are_null() {
    let null = base64url::encode("null");
    for place in [1, 3, 5] {
        let original = Login::new();
        let compact = format!("{}:eyJ0eXAiOiJDT1MifQ:AAAA", original.pk_token());
        let mut parts = segments(&compact);
        parts[place] = &null;
        let token = vec![("openpubkey-pkt".to_owned(), parts.join(":"))];
        original
            .with(|login| login.certificate.extensions = Some(token))
            .refused("");
    }
}

#[test]
fn row_38_and_39_payloads_that_are_no_object() {
    for payload in [
        "null",
        "[]",
        "\"x\"",
        "5",
        "",
        "{",
        "{}",
        "{\"iss\":\"https://op.example\"}",
    ] {
        login(|login| login.payload = Some(payload.into())).refused("");
    }
}

#[test]
fn row_40_numbers_of_segments() {
    for keep in [1, 2, 4] {
        let token = Login::new();
        let compact = token.pk_token();
        let cut = vec![(
            "openpubkey-pkt".to_owned(),
            segments(&compact)[..keep].join(":"),
        )];
        token
            .with(|login| login.certificate.extensions = Some(cut))
            .refused("segments");
    }
}

#[test]
fn row_41_a_second_signature_of_a_kind() {
    for (first, second) in [(1, 2), (3, 4)] {
        let token = Login::new();
        let compact = token.pk_token();
        let parts = segments(&compact);
        let twice = format!("{compact}:{}:{}", parts[first], parts[second]);
        let twice = vec![("openpubkey-pkt".to_owned(), twice)];
        token
            .with(|login| login.certificate.extensions = Some(twice))
            .refused("more than one");
    }
}

#[test]
fn row_42_a_cosigner_is_not_looked_at() {
    login(|login| login.twist = |c| format!("{c}:eyJ0eXAiOiJDT1MifQ:AAAA")).allowed();
}

#[test]
fn row_43_to_46_types_of_token() {
    let typ = |typ: Value| login(|login| login.id_header["typ"] = typ);
    for good in ["JWT", "", "at+jwt", "AT+JWT"] {
        typ(good.into()).allowed();
    }
    login(|login| {
        login.id_header.as_object_mut().unwrap().remove("typ");
    })
    .allowed();
    for bad in ["jwt", "id_token", "dpop+id_token", "CIC", "COS", "x"] {
        typ(bad.into()).refused("");
    }
    typ(5.into()).refused("");
    // as good as absent, as in claims
    typ(Value::Null).allowed();
}

#[test]
fn row_47_client_claims_must_be_complete() {
    for member in ["rz", "upk", "alg"] {
        login(|login| {
            login.cic_header.as_object_mut().unwrap().remove(member);
        })
        .refused("");
    }
    login(|login| {
        login.cic_header["upk"]
            .as_object_mut()
            .unwrap()
            .remove("alg");
    })
    .refused("");
    login(|login| login.cic_header["alg"] = "EdDSA".into()).refused("");
}

#[test]
fn row_48_to_50_odd_client_claims_that_count() {
    login(|login| login.cic_header["rz"] = "x".into()).allowed();
    login(|login| login.cic_header["upk"]["d"] = "AAAA".into()).allowed();
    login(|login| login.cic_header["note"] = "é<&>".into()).allowed();
    login(|login| login.cic_header["extra"] = json!({"b": ["x", true], "a": "y"})).allowed();
    // Go rewrites numbers as floats before it hashes them; no client sends any
    login(|login| login.cic_header["rz"] = 5.into()).refused("numbers");
}

#[test]
fn row_52_and_53_critical_header_parameters() {
    let header = |name: &str, value: Value| login(|login| login.id_header[name] = value);
    header("crit", json!(["x"])).refused("critical");
    header("b64", json!(false)).refused("critical");
    login(|login| login.cic_header["crit"] = json!(["x"])).refused("critical");
}

#[test]
fn row_54_keys_in_the_header_are_not_used() {
    let own = ProviderKey::es256();
    let login = login(|login| {
        login.id_header["jwk"] = own.jwk();
        login.id_header["jku"] = "https://evil.example/keys".into();
    });
    login.allowed();
    login
        .with(|login| login.provider_key = own)
        .refused("signature does not verify");
}

#[test]
fn row_56_padding_in_a_segment() {
    login(|login| login.twist = |c| c.replacen(':', "=:", 1)).refused("");
}

#[test]
fn row_57_a_clients_signature_is_no_providers() {
    let token = Login::new();
    let compact = token.pk_token();
    let p = segments(&compact);
    let swapped = [p[0], p[3], p[4], p[3], p[4]].join(":");
    let swapped = vec![("openpubkey-pkt".to_owned(), swapped)];
    token
        .with(|login| login.certificate.extensions = Some(swapped))
        .refused("more than one");
}
