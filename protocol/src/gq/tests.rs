use super::*;
use crate::base64url;
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/fixtures/gq_vectors.json")).unwrap()
}

fn key(vector: &Value) -> PublicKey {
    let hex = vector["n"].as_str().unwrap();
    let n = (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap());
    PublicKey::Rsa {
        n: n.collect(),
        e: vec![1, 0, 1],
    }
}

fn check(key: &PublicKey, token: &str, allow_legacy: bool) -> Result<(), GqError> {
    let parts: Vec<&str> = token.split('.').collect();
    let header: Value = serde_json::from_slice(&base64url::decode(parts[0]).unwrap()).unwrap();
    let message = Message {
        header_base64: parts[0],
        original_header_base64: header["kid"].as_str().unwrap(),
        payload_base64: parts[1],
    };
    verify(
        key,
        &message,
        &base64url::decode(parts[2]).unwrap(),
        allow_legacy,
    )
}

#[test]
fn every_vector_of_the_go_implementation() {
    let all = vectors();
    for vector in all["vectors"].as_array().unwrap() {
        let name = &vector["name"];
        let key = key(vector);
        assert_eq!(
            check(&key, vector["gq_token"].as_str().unwrap(), false),
            Ok(()),
            "{name}"
        );
        let legacy = vector["gq_token_legacy"].as_str().unwrap();
        assert_eq!(check(&key, legacy, true), Ok(()), "{name}");
        assert_eq!(check(&key, legacy, false), Err(GqError::Proof), "{name}");
    }
    for negative in all["negative"].as_array().unwrap() {
        let base = all["vectors"].as_array().unwrap();
        let base = base.iter().find(|v| v["name"] == negative["base"]).unwrap();
        let token = negative["gq_token"].as_str().unwrap();
        assert!(
            check(&key(base), token, false).is_err(),
            "{}",
            negative["name"]
        );
    }
}

#[test]
fn other_exponents_and_small_keys_are_refused() {
    let message = Message {
        header_base64: "",
        original_header_base64: "",
        payload_base64: "",
    };
    for (n, e) in [(vec![0xff; 256], vec![3]), (vec![0xff; 128], vec![1, 0, 1])] {
        assert_eq!(
            verify(&PublicKey::Rsa { n, e }, &message, &[], true),
            Err(GqError::Key)
        );
    }
}
