use super::*;

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("../../../tests/fixtures/cic_vectors.json")).unwrap()
}

#[test]
fn every_vector_of_the_go_implementation() {
    for vector in vectors() {
        let name = vector["name"].as_str().unwrap();
        let parsed = ClientInstanceClaims::parse(vector["header"].as_str().unwrap().as_bytes());
        if has_number(&vector) {
            // Go converts numbers to doubles; no known client writes numbers, so they are
            // refused
            assert!(
                matches!(parsed, Err(CicError::Json(JsonError::Number))),
                "{name}: numbers must be refused"
            );
        } else if vector.get("error").is_some() {
            assert!(parsed.is_err(), "{name}");
        } else {
            let parsed = parsed.unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(
                parsed.canonical(),
                vector["canonical"].as_str().unwrap(),
                "{name}"
            );
            assert_eq!(parsed.commitment().as_str(), vector["hash"], "{name}");
        }
    }
}

fn has_number(vector: &Value) -> bool {
    matches!(
        vector["name"].as_str(),
        Some("numbers" | "bool and list" | "rz number")
    )
}

#[test]
fn what_we_write_is_canonical_already() {
    let key = PublicKey::Ed25519([7; 32]);
    let claims = ClientInstanceClaims::new(&key, Algorithm::EdDsa, [0xab; 32]).unwrap();
    let read = ClientInstanceClaims::parse(claims.canonical().as_bytes()).unwrap();
    assert_eq!(read.canonical(), claims.canonical());
    assert_eq!(claims.canonical().len(), 199);
    assert!(claims.canonical().contains(&"ab".repeat(32)));
}

#[test]
fn critical_headers_are_refused() {
    for extra in [r#""crit":["x"]"#, r#""b64":false"#] {
        let text = format!(
            r#"{{"alg":"EdDSA","rz":"0",{extra},"upk":{{"alg":"EdDSA","crv":"Ed25519","kty":"OKP","x":"{}"}}}}"#,
            base64url_zeros()
        );
        let parsed = ClientInstanceClaims::parse(text.as_bytes());
        assert!(matches!(parsed, Err(CicError::Critical)), "{extra}");
    }
}

fn base64url_zeros() -> String {
    crate::base64url::encode([0; 32])
}

#[test]
fn other_curves_are_refused() {
    let text = r#"{"alg":"ES256","rz":"0","upk":{"alg":"ES256","crv":"P-384","kty":"EC","x":"AA","y":"AA"}}"#;
    assert!(ClientInstanceClaims::parse(text.as_bytes()).is_err());
}
