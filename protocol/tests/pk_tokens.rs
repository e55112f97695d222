//! PK tokens against the Go implementation's vectors, and every refusal of the decision list.
#![cfg(feature = "mint")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod provider;

use opkssh_protocol::base64url;
use opkssh_protocol::cic::ClientInstanceClaims;
use opkssh_protocol::id_token::{Audience, Expected, IdTokenError, UnverifiedIdToken};
use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::pk_token::{
    ExpirationPolicy, PkTokenError, TrustedProvider, UnverifiedPkToken, verify, verify_refreshed,
};
use opkssh_protocol::time::UnixTime;
use provider::{CLIENT, ISSUER, NOW, Provider};
use serde_json::{Value, json};

fn trusted(expiration: ExpirationPolicy) -> TrustedProvider {
    TrustedProvider {
        issuer: ISSUER.to_owned(),
        client_ids: vec![CLIENT.to_owned()],
        expiration,
    }
}

fn check(provider: &Provider, compact: &str) -> Result<(), PkTokenError> {
    check_at(provider, compact, ExpirationPolicy::Hours24, NOW)
}

fn check_at(
    provider: &Provider,
    compact: &str,
    expiration: ExpirationPolicy,
    now: i64,
) -> Result<(), PkTokenError> {
    let token = UnverifiedPkToken::parse_compact(compact)?;
    verify(
        token,
        &trusted(expiration),
        &provider.key_set(),
        UnixTime(now),
    )
    .map(|_| ())
}

#[test]
fn every_vector_of_the_go_implementation() {
    let all: Value =
        serde_json::from_str(include_str!("../../tests/fixtures/pkt_vectors.json")).unwrap();
    let keys = KeySet::parse(all["jwks"].to_string().as_bytes()).unwrap();
    for vector in all["vectors"].as_array().unwrap() {
        let name = vector["name"].as_str().unwrap();
        let text = |member: &str| vector[member].as_str().unwrap();
        let token = UnverifiedPkToken::parse_compact(text("pkt_compact"))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(token.compact(), text("pkt_compact"), "{name}");
        assert_eq!(token.json(), text("pkt_json"), "{name}");
        assert_eq!(token.hash(), text("pkt_hash"), "{name}");
        let cic = token.unverified_cic();
        assert_eq!(cic.canonical(), text("cic_header"), "{name}");
        assert_eq!(cic.commitment().as_str(), text("cic_hash"), "{name}");

        let provider = TrustedProvider {
            issuer: all["issuer"].as_str().unwrap().to_owned(),
            client_ids: vec![all["client_id"].as_str().unwrap().to_owned()],
            expiration: ExpirationPolicy::Never,
        };
        let verified = verify(token, &provider, &keys, UnixTime(NOW));
        match name {
            // bound by other means than a nonce; no row of a providers file can ask for those
            "gqbound" => assert!(matches!(
                verified,
                Err(PkTokenError::IdToken(IdTokenError::Audience { .. }))
            )),
            "keybound" => {
                assert!(matches!(
                    verified,
                    Err(PkTokenError::IdToken(IdTokenError::KeyBound))
                ))
            }
            _ => assert!(verified.is_ok(), "{name}: {:?}", verified.err()),
        }
    }
}

#[test]
fn our_own_tokens_verify_with_every_signature_algorithm() {
    for provider in Provider::of_every_algorithm() {
        let login = provider.log_in(json!({}));
        check(&provider, &login.compact()).unwrap();
    }
}

#[test]
fn two_signatures_of_one_kind_or_none_are_refused() {
    let provider = Provider::es256();
    let compact = provider.log_in(json!({})).compact();
    let parts: Vec<&str> = compact.split(':').collect();
    let (payload, op, cic) = (parts[0], parts[1..3].join(":"), parts[3..5].join(":"));

    let twice = |text: String| matches!(check(&provider, &text), Err(PkTokenError::Twice(_)));
    assert!(twice(format!("{payload}:{op}:{op}:{cic}")));
    assert!(twice(format!("{payload}:{op}:{cic}:{cic}")));
    let missing = |text: String| matches!(check(&provider, &text), Err(PkTokenError::Missing(_)));
    assert!(missing(format!("{payload}:{op}")));
    assert!(missing(format!("{payload}:{cic}")));
    // position does not matter, only the type does
    check(&provider, &format!("{payload}:{cic}:{op}")).unwrap();
}

#[test]
fn odd_shapes_are_refused_without_a_panic() {
    let provider = Provider::es256();
    let compact = provider.log_in(json!({})).compact();
    let null = base64url::encode("null");
    let parts: Vec<&str> = compact.split(':').collect();
    let with_header = |index: usize, header: &str| {
        let mut parts = parts.clone();
        parts[index] = header;
        parts.join(":")
    };
    for text in [
        String::new(),
        ":".to_owned(),
        "a:b".to_owned(),
        compact.replacen(':', ".", 1),
        format!("{compact}."),
        format!("{compact}.a.b"),
        format!("{compact}.a.b.c.d"),
        format!("{compact}:x"),
        with_header(1, &null),
        with_header(3, &null),
        with_header(0, &null),
        with_header(0, &base64url::encode("[]")),
        format!("{}:{null}:AAAA", compact),
        "A".repeat(200_000),
        "::::".to_owned(),
    ] {
        assert!(
            check(&provider, &text).is_err(),
            "{}",
            &text[..text.len().min(60)]
        );
    }
}

#[test]
fn types_of_the_provider_signature() {
    let provider = Provider::es256();
    for (typ, accepted) in [
        (json!("JWT"), true),
        (json!(""), true),
        (Value::Null, true),
        (json!("AT+jwt"), true),
        (json!("jwt"), false),
        (json!("id_token"), false),
        (json!("CIC"), false),
        (json!(["JWT"]), false),
    ] {
        let compact = provider
            .log_in_with_header(json!({ "typ": typ }))
            .map(|t| t.compact());
        let result = compact
            .map_err(|_| ())
            .and_then(|c| check(&provider, &c).map_err(|_| ()));
        assert_eq!(result.is_ok(), accepted, "{typ}");
    }
    let without = provider.log_in_with_header(json!({})).unwrap().compact();
    check(&provider, &without).unwrap();
}

#[test]
fn any_flipped_signature_is_refused() {
    let provider = Provider::es256();
    let compact = provider.log_in(json!({})).compact();
    for index in [2, 4] {
        let mut parts: Vec<String> = compact.split(':').map(str::to_owned).collect();
        let mut signature = base64url::decode(&parts[index]).unwrap();
        signature[10] ^= 1;
        parts[index] = base64url::encode(signature);
        assert!(check(&provider, &parts.join(":")).is_err(), "{index}");
    }
}

#[test]
fn base64_has_one_spelling() {
    let provider = Provider::es256();
    let compact = provider.log_in(json!({})).compact();
    let parts: Vec<&str> = compact.split(':').collect();
    for index in 0..parts.len() {
        for odd in [
            format!("{}=", parts[index]),
            format!("{}\n", parts[index]),
            "+/+/".to_owned(),
        ] {
            let mut parts = parts.clone();
            parts[index] = &odd;
            assert!(
                check(&provider, &parts.join(":")).is_err(),
                "{index} {odd:?}"
            );
        }
    }
}

#[test]
fn commitment_in_the_nonce() {
    let provider = Provider::es256();
    for nonce in [json!("other"), json!(null), json!(5), json!("")] {
        let compact = provider
            .log_in_claiming(json!({ "nonce": nonce }))
            .map(|t| t.compact());
        let refused = compact.map_or(true, |compact| check(&provider, &compact).is_err());
        assert!(refused, "{nonce}");
    }
    // somebody else's client claims on this person's ID token
    let victim = provider.log_in(json!({}));
    let thief = provider.log_in(json!({}));
    let id_token = UnverifiedIdToken::parse(&victim.id_token).unwrap();
    let input = UnverifiedPkToken::signing_input(&id_token, &thief.cic);
    let signature = thief.key.sign_jws(input.as_bytes());
    let forged = UnverifiedPkToken::assemble(id_token, thief.cic.clone(), signature).compact();
    assert!(matches!(
        check(&provider, &forged),
        Err(PkTokenError::Commitment { .. })
    ));
}

#[test]
fn a_client_header_is_hashed_in_canonical_form() {
    let provider = Provider::es256();
    let login = provider.log_in(json!({}));
    // the same claims, written in another order: another signature input, the same commitment
    let reordered = {
        let members: Value = serde_json::from_str(login.cic.canonical()).unwrap();
        format!(
            r#"{{"upk":{}, "typ":"CIC","rz":{},"alg":{}}}"#,
            members["upk"], members["rz"], members["alg"]
        )
    };
    assert_eq!(
        ClientInstanceClaims::parse(reordered.as_bytes())
            .unwrap()
            .commitment(),
        login.cic.commitment()
    );
    let header = base64url::encode(&reordered);
    let parts: Vec<&str> = login.id_token.split('.').collect();
    let signature = login
        .key
        .sign_jws(format!("{header}.{}", parts[1]).as_bytes());
    let compact = format!(
        "{}:{}:{}:{header}:{}",
        parts[1],
        parts[0],
        parts[2],
        base64url::encode(signature)
    );
    check(&provider, &compact).unwrap();
}

#[test]
fn algorithms_that_are_not_signatures_are_refused() {
    let provider = Provider::es256();
    let login = provider.log_in(json!({}));
    let parts: Vec<&str> = login.id_token.split('.').collect();
    for algorithm in [
        "none", "None", "HS256", "RS384", "RS512", "ES384", "Ed25519", "",
    ] {
        for signature in ["", "AAAA", parts[2]] {
            let header = base64url::encode(json!({"alg": algorithm, "typ": "JWT"}).to_string());
            let token = UnverifiedIdToken::parse(&format!("{header}.{}.{signature}", parts[1]));
            assert!(
                matches!(token, Err(IdTokenError::Key(_))),
                "{algorithm} must not even parse"
            );
        }
    }
}

#[test]
fn another_curve_or_key_type_is_refused() {
    let ec = Provider::es256();
    let okp = Provider::eddsa();
    let login = ec.log_in(json!({}));
    assert!(check(&okp, &login.compact()).is_err());
    let keys = json!({"keys":[{"kty":"EC","crv":"P-384","kid":"k1","alg":"ES256",
        "x": base64url::encode([1; 48]), "y": base64url::encode([1; 48])}]});
    let keys = KeySet::parse(keys.to_string().as_bytes()).unwrap();
    let token = UnverifiedPkToken::parse_compact(&login.compact()).unwrap();
    let trusted = trusted(ExpirationPolicy::Hours24);
    assert!(verify(token, &trusted, &keys, UnixTime(NOW)).is_err());
}

#[test]
fn critical_headers_and_embedded_keys() {
    let provider = Provider::es256();
    for header in [
        json!({"crit":["exp"]}),
        json!({"b64":false}),
        json!({"crit":[]}),
    ] {
        assert!(
            provider.log_in_with_header(header.clone()).is_err(),
            "{header}"
        );
    }
    // keys in the header are ignored, not used
    let other = Provider::es256();
    let jwk = other.jwk();
    let login = other
        .log_in_with_header(json!({"jwk": jwk, "kid": "k1"}))
        .unwrap();
    assert!(check(&provider, &login.compact()).is_err());
    let login = provider
        .log_in_with_header(json!({"jwk": jwk, "kid": "k1"}))
        .unwrap();
    check(&provider, &login.compact()).unwrap();
}

#[test]
fn issuer_and_audience_are_exact() {
    let provider = Provider::es256();
    for issuer in [format!("{ISSUER}/"), ISSUER.to_uppercase(), String::new()] {
        let login = provider.log_in(json!({ "iss": issuer }));
        let error = check(&provider, &login.compact()).unwrap_err();
        assert!(
            matches!(error, PkTokenError::IdToken(IdTokenError::Issuer { .. })),
            "{issuer}: {error}"
        );
        if issuer.ends_with('/') {
            assert!(error.to_string().contains("trailing slash"), "{error}");
        }
    }
    for (audience, accepted) in [
        (json!(CLIENT), true),
        (json!(["x", CLIENT]), true),
        (json!(format!("x,{CLIENT}")), false),
        (json!([]), false),
        (json!(CLIENT.to_uppercase()), false),
        (Value::Null, false),
    ] {
        let login = provider.log_in(json!({ "aud": audience }));
        assert_eq!(
            check(&provider, &login.compact()).is_ok(),
            accepted,
            "{audience}"
        );
    }
    assert!(
        provider
            .log_in_claiming(json!({"aud": [CLIENT, 5]}))
            .is_err()
    );
}

#[test]
fn clocks() {
    let provider = Provider::es256();
    for (claims, accepted) in [
        (json!({"iat": NOW + 60}), true),
        (json!({"iat": NOW + 61}), false),
        (json!({"nbf": NOW + 60}), true),
        (json!({"nbf": NOW + 61}), false),
        (json!({"nbf": NOW as f64 + 0.5}), true),
        (json!({"exp": NOW - 1}), true), // documented: max-age policies ignore exp
        (json!({"iat": NOW - 86_400}), true),
        (json!({"iat": NOW - 86_401}), false),
    ] {
        let login = provider.log_in(claims.clone());
        assert_eq!(
            check(&provider, &login.compact()).is_ok(),
            accepted,
            "{claims}"
        );
    }
    for claims in [
        json!({"iat": 1.5e9}),
        json!({"iat": "1700000000"}),
        json!({"exp": 17e8}),
    ] {
        assert!(
            provider.log_in_claiming(claims.clone()).is_err(),
            "{claims}"
        );
    }
}

#[test]
fn claims_programs_could_disagree_about_are_refused() {
    let provider = Provider::es256();
    for claims in [
        json!({"sub": 5}),
        json!({"email": ["a@b"]}),
        json!({"groups": "admins"}),
        json!({"groups": ["a", 5]}),
    ] {
        assert!(
            provider.log_in_claiming(claims.clone()).is_err(),
            "{claims}"
        );
    }
    let login = provider.log_in(json!({"sub": ""}));
    assert!(check(&provider, &login.compact()).is_err());
    // names count exactly as written
    let login = provider.log_in(json!({"EMAIL": "root@example.com"}));
    let token = UnverifiedPkToken::parse_compact(&login.compact()).unwrap();
    assert_eq!(token.unverified_claims().email(), Some("alice@example.com"));
}

#[test]
fn refreshed_tokens_are_verified_in_full() {
    let provider = Provider::es256();
    let login = provider.log_in(json!({"exp": NOW - 100, "iat": NOW - 400, "azp": "client"}));
    let fresh = |claims: Value| {
        let mut all = json!({"exp": NOW + 200, "iat": NOW - 10, "nonce": null});
        all.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        provider.id_token(&all)
    };
    let result = |refreshed: &str| {
        let compact = format!("{}.{refreshed}", login.compact());
        check_at(&provider, &compact, ExpirationPolicy::OidcRefreshed, NOW)
    };
    result(&fresh(json!({}))).unwrap();
    result(&fresh(json!({"nonce": login.cic.commitment().as_str()}))).unwrap();
    for (claims, what) in [
        (json!({"sub": "mallory"}), "another subject"),
        (json!({"iss": "https://evil.example"}), "another issuer"),
        (json!({"aud": "another-client"}), "another audience"),
        (json!({"azp": "another-client"}), "another client"),
        (json!({"nbf": "now"}), "a start that is no number"),
        (json!({"nonce": "another"}), "another nonce"),
        (json!({"iat": NOW - 500}), "older than the original"),
        (json!({"exp": NOW - 1}), "expired"),
        (json!({"iat": NOW + 1000}), "from the future"),
    ] {
        assert!(result(&fresh(claims)).is_err(), "{what} must be refused");
    }
    let mut forged = fresh(json!({}));
    forged.truncate(forged.len() - 4);
    forged.push_str("AAAA");
    assert!(
        result(&forged).is_err(),
        "a forged refreshed token must be refused"
    );
    let stranger = Provider::es256().id_token(&json!({"exp": NOW + 200, "nonce": null}));
    assert!(result(&stranger).is_err(), "another provider's key");

    // it helps under no other policy
    let compact = format!("{}.{}", login.compact(), fresh(json!({})));
    assert!(check_at(&provider, &compact, ExpirationPolicy::Oidc, NOW).is_err());
    check_at(&provider, &compact, ExpirationPolicy::Hours24, NOW).unwrap();
}

#[test]
fn ci_tokens_commit_in_the_audience_and_must_be_gq_signed() {
    let provider = Provider::es256();
    for issuer in [
        "https://token.actions.githubusercontent.com",
        "https://codeberg.org/api/actions",
        "https://codeberg.org/api/actions/",
    ] {
        let login = provider.log_in(json!({ "iss": issuer }));
        let token = UnverifiedPkToken::parse_compact(&login.compact()).unwrap();
        let trusted = TrustedProvider {
            issuer: issuer.to_owned(),
            client_ids: vec![],
            expiration: ExpirationPolicy::Oidc,
        };
        let verified = verify(token, &trusted, &provider.key_set(), UnixTime(NOW));
        assert!(
            matches!(
                verified,
                Err(PkTokenError::IdToken(IdTokenError::GqRequired))
            ),
            "{issuer}"
        );
    }
}

/// A job's token is for the key whose commitment is in `aud`; another one says nothing of that key.
#[test]
fn ci_tokens_are_not_refreshed() {
    let provider = Provider::es256();
    let login = provider.log_in(json!({}));
    let refreshed = provider.id_token(&json!({"exp": NOW + 200, "nonce": null}));
    let refreshed = UnverifiedIdToken::parse(&refreshed).unwrap();
    let original = UnverifiedPkToken::parse_compact(&login.compact()).unwrap();
    let with = |audience| {
        let expected = Expected {
            issuer: ISSUER,
            audience,
        };
        verify_refreshed(
            refreshed.clone(),
            original.unverified_claims(),
            &login.cic,
            expected,
            &provider.key_set(),
            UnixTime(NOW),
        )
    };
    let client_ids = [CLIENT.to_owned()];
    with(Audience::OneOf(&client_ids)).unwrap();
    let Err(error) = with(Audience::Commitment) else {
        panic!("it counts");
    };
    assert!(error.to_string().contains("in aud"), "{error}");
}
