use super::*;

const X: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn ed(extra: &str) -> String {
    format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}"{extra}}}"#)
}

fn set(keys: &[String]) -> KeySet {
    KeySet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes()).unwrap()
}

fn count(set: &KeySet, kid: Option<&str>) -> usize {
    set.candidates(kid, Algorithm::EdDsa).count()
}

#[test]
fn an_unreadable_key_does_not_sink_the_set() {
    for odd in [
        r#"{"kty":"AKP","kid":"a","alg":"ML-DSA-44"}"#,
        r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA","kid":"a"}"#,
        r#"{"kty":"RSA","n":"!","e":"AQAB","kid":"a"}"#,
        r#"{"kid":"a"}"#,
        r#"{"kty":5}"#,
    ] {
        let set = set(&[odd.to_owned(), ed(r#","kid":"b""#)]);
        assert_eq!(count(&set, Some("b")), 1, "{odd}");
        assert_eq!(count(&set, Some("a")), 0, "{odd}");
    }
}

#[test]
fn without_kid_only_a_set_of_one_answers() {
    assert_eq!(count(&set(&[ed(r#","kid":"a""#)]), None), 1);
    assert_eq!(count(&set(&[ed(""), ed("")]), None), 0);
    // unsupported keys count, because one of them may be the signing key
    assert_eq!(count(&set(&[ed(""), r#"{"kty":"x"}"#.to_owned()]), None), 0);
}

#[test]
fn a_token_with_kid_never_takes_a_key_without() {
    assert_eq!(count(&set(&[ed("")]), Some("a")), 0);
}

#[test]
fn keys_of_one_name_are_all_tried() {
    assert_eq!(
        count(&set(&[ed(r#","kid":"a""#), ed(r#","kid":"a""#)]), Some("a")),
        2
    );
}

#[test]
fn encryption_keys_and_other_algorithms_are_left_out() {
    assert_eq!(
        count(&set(&[ed(r#","kid":"a","use":"enc""#)]), Some("a")),
        0
    );
    assert_eq!(
        count(
            &set(&[ed(r#","kid":"a","use":null,"alg":null"#)]),
            Some("a")
        ),
        1
    );
    assert_eq!(
        count(&set(&[ed(r#","kid":"a","use":"sig""#)]), Some("a")),
        1
    );
    assert_eq!(
        count(&set(&[ed(r#","kid":"a","alg":"ES256""#)]), Some("a")),
        0
    );
    assert_eq!(
        count(&set(&[ed(r#","kid":"a","alg":"EdDSA""#)]), Some("a")),
        1
    );
}

#[test]
fn the_algorithm_of_key_and_token_must_agree() {
    let rsa = r#"{"kty":"RSA","kid":"a","alg":"PS256","n":"AQAB","e":"AQAB"}"#;
    let set = set(&[rsa.to_owned()]);
    assert_eq!(set.candidates(Some("a"), Algorithm::Ps256).count(), 1);
    assert_eq!(set.candidates(Some("a"), Algorithm::Rs256).count(), 0);
}

#[test]
fn a_bare_jwk_is_a_set_of_one() {
    assert_eq!(count(&KeySet::parse(ed("").as_bytes()).unwrap(), None), 1);
}
