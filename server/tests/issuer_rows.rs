//! Table 7.3 of the compatibility notes, "Issuer, audience, keys, time", and what of 7.4 a token
//! decides, by row number; those about the network are in `verify_command.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod forge;

use forge::{CLIENT, ISSUER, Login, NOW, ProviderKey};
use opkssh_protocol::base64url;
use opkssh_protocol::control::KeyType;
use opkssh_protocol::user_key::UserKey;
use serde_json::{Value, json};

fn login(change: impl FnOnce(&mut Login)) -> Login {
    Login::new().with(change)
}

#[test]
fn row_58_and_59_the_issuer_is_exact() {
    for issuer in [
        json!("https://op.example/"),
        json!("https://OP.example"),
        json!(""),
        json!(5),
        Value::Null,
    ] {
        let login = login(|login| login.claims["iss"] = issuer);
        login.refused("");
        assert!(login.refused_before_keys());
    }
    login(|login| login.claims["iss"] = format!("{ISSUER}/").into()).refused("trailing slash");
}

#[test]
fn row_61_to_64_the_audience_lists_the_client() {
    let audience = |audience: Value| login(|login| login.claims["aud"] = audience);
    audience(json!(["other", CLIENT])).allowed();
    for bad in [
        json!("other"),
        json!("CLIENT-1"),
        json!("x,client-1"),
        json!("client-1,x"),
        json!([]),
        json!([CLIENT, 5]),
        json!(5),
        json!(""),
        Value::Null,
    ] {
        let login = audience(bad);
        login.refused("");
        assert!(login.refused_before_keys());
    }
}

#[test]
fn several_client_ids_of_one_issuer() {
    let second = format!("{ISSUER} other 24h\n{ISSUER} {CLIENT} 24h\n");
    login(|login| login.providers = second.clone()).allowed();
    login(|login| {
        login.providers = second;
        login.claims["aud"] = "third".into();
    })
    .refused("audience");
}

#[test]
fn row_65_azp_is_not_looked_at() {
    login(|login| login.claims["azp"] = "other".into()).allowed();
}

#[test]
fn row_66_and_67_which_key() {
    login(|login| login.id_header["kid"] = "k2".into()).refused("no matching public key");
    let without = || {
        login(|login| {
            login.id_header.as_object_mut().unwrap().remove("kid");
        })
    };
    without().allowed();
    for none in [json!(""), Value::Null] {
        login(|login| login.id_header["kid"] = none).allowed();
    }
    let second = ProviderKey::es256().published();
    without()
        .with(|login| login.keys["keys"].as_array_mut().unwrap().push(second))
        .refused("no matching public key");
}

#[test]
fn row_68_keys_without_an_algorithm() {
    for key in [ProviderKey::es256(), ProviderKey::rs256()] {
        let mut jwk = key.jwk();
        jwk["kid"] = "k1".into();
        Login::of(key, KeyType::Ecdsa)
            .with(|login| login.keys = json!({"keys": [jwk]}))
            .allowed();
    }
}

#[test]
fn row_69_a_key_labelled_for_another_algorithm() {
    for label in ["RS512", "PS256", "ES256"] {
        let login = Login::of(ProviderKey::rs256(), KeyType::Ed25519);
        login.allowed();
        login
            .with(|login| login.keys["keys"][0]["alg"] = label.into())
            .refused("no matching public key");
    }
}

#[test]
fn row_70_encryption_keys() {
    login(|login| login.keys["keys"][0]["use"] = "enc".into()).refused("no matching public key");
}

#[test]
fn row_71_to_73_other_keys_in_the_set_do_no_harm() {
    let rsa = ProviderKey::rs256().published();
    for odd in [
        json!({"kty": "AKP", "kid": "k1", "alg": "ML-DSA-65"}),
        json!({"kty": "EC", "crv": "P-256", "kid": "k1", "x": "AAAA", "y": "AAAA"}),
        json!({"kty": "oct", "kid": "k1", "k": "AAAA"}),
        rsa,
        json!(5),
    ] {
        login(|login| login.keys["keys"].as_array_mut().unwrap().insert(0, odd)).allowed();
    }
}

#[test]
fn row_76_and_77_age_counts_from_iat() {
    let issued = |iat: i64| login(|login| login.claims["iat"] = iat.into());
    issued(NOW - 86_400).allowed();
    issued(NOW - 86_401).refused("expired");
    login(|login| login.claims["exp"] = (NOW - 1).into()).allowed();
}

#[test]
fn expiration_policies() {
    let under = |policy: &str| {
        let row = format!("{ISSUER} {CLIENT} {policy}\n");
        login(|login| login.providers = row)
    };
    let expired = |login: &mut Login| login.claims["exp"] = (NOW - 1).into();
    for policy in [
        "12h",
        "24h",
        "48h",
        "1week",
        "oidc",
        "oidc_refreshed",
        "never",
    ] {
        under(policy).allowed();
    }
    for policy in ["oidc", "oidc_refreshed", "oidc-refreshed"] {
        under(policy).with(expired).refused("expired");
    }
    under("never")
        .with(|login| login.claims["iat"] = 1.into())
        .allowed();
    under("12h")
        .with(|login| login.claims["iat"] = (NOW - 43_201).into())
        .refused("expired");
}

#[test]
fn row_78_and_79_tokens_from_the_future() {
    let when = |claim: &str, ahead: i64| login(|login| login.claims[claim] = (NOW + ahead).into());
    for claim in ["iat", "nbf"] {
        when(claim, 60).allowed();
        when(claim, 61).refused("");
    }
}

#[test]
fn row_80_times_that_are_no_times() {
    for bad in [
        json!("1800000000"),
        json!(0),
        json!(-5),
        json!(1e30),
        json!(1.5),
        Value::Null,
    ] {
        login(|login| login.claims["iat"] = bad).refused("");
    }
    login(|login| {
        login.claims.as_object_mut().unwrap().remove("iat");
    })
    .refused("missing issuedAt");
    let row = format!("{ISSUER} {CLIENT} oidc\n");
    login(|login| {
        login.providers = row;
        login.claims.as_object_mut().unwrap().remove("exp");
    })
    .refused("missing expiration");
}

/// A login whose ID token has expired, with a refreshed one attached.
fn refreshed(policy: &str, change: impl FnOnce(&mut Value)) -> Login {
    let row = format!("{ISSUER} {CLIENT} {policy}\n");
    let login = login(|login| {
        login.providers = row;
        login.claims["exp"] = (NOW - 1).into();
    });
    let mut fresh = login.claims.clone();
    fresh["iat"] = (NOW - 1).into();
    fresh["exp"] = (NOW + 100).into();
    change(&mut fresh);
    let payload = fresh.to_string();
    let (header, signature) = login.id_token(&payload);
    let token = format!(
        "{}.{header}.{}.{signature}",
        login.pk_token(),
        base64url::encode(payload)
    );
    let token = vec![("openpubkey-pkt".to_owned(), token)];
    login.with(|login| login.certificate.extensions = Some(token))
}

#[test]
fn row_81_and_82_a_refreshed_token_counts_where_it_should_and_is_checked_in_full() {
    refreshed("oidc_refreshed", |_| {}).allowed();
    refreshed("oidc", |_| {}).refused("expired");
    for (claim, value) in [
        ("sub", json!("sub-2")),
        ("iss", json!("https://other.example")),
        ("aud", json!("other")),
        ("nonce", json!("other")),
        ("iat", json!(NOW - 101)),
        ("exp", json!(NOW - 1)),
    ] {
        refreshed("oidc_refreshed", |fresh| fresh[claim] = value).refused("");
    }
    // signed by somebody else
    let stranger = ProviderKey::es256();
    let login = refreshed("oidc_refreshed", |_| {});
    let (_, token) = login.certificate.extensions.clone().unwrap().remove(0);
    let (signed, _) = token.rsplit_once('.').unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let text = |part: &str| String::from_utf8(base64url::decode(part).unwrap()).unwrap();
    let (_, signature) = stranger.sign(&text(parts[1]), &text(parts[2]));
    let forged = format!("{signed}.{signature}");
    let forged = vec![("openpubkey-pkt".to_owned(), forged)];
    login
        .with(|login| login.certificate.extensions = Some(forged))
        .refused("refreshed");
}

#[test]
fn row_83_a_refreshed_part_has_three_segments() {
    login(|login| login.twist = |c| format!("{c}.a.b")).refused("refreshed");
    login(|login| login.twist = |c| format!("{c}.a.b.c.d")).refused("refreshed");
    login(|login| login.twist = |c| format!("{c}.")).refused("refreshed");
}

/// Go's own tokens, with certificates of ours around them.
fn vector(name: &str) -> Login {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fixtures/pkt_vectors.json"
    );
    let all: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let vector = all["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .find(|v| v["name"] == name)
        .unwrap();
    let (kind, alg) = match vector["client_alg"].as_str().unwrap() {
        "EdDSA" => ("ed25519", "EdDSA"),
        _ => ("p256", "ES256"),
    };
    let secret = format!("{kind}:{}", all["client_keys"][alg]["d"].as_str().unwrap());
    let token = vector["pkt_compact"].as_str().unwrap().to_owned();
    let row = format!(
        "{} {} never\n",
        all["issuer"].as_str().unwrap(),
        all["client_id"].as_str().unwrap()
    );
    let policy = format!(
        "dev alice@example.com {}\n",
        all["issuer"].as_str().unwrap()
    );
    login(|login| {
        login.user_key = UserKey::from_secret(&opkssh_protocol::secret::Secret::new(secret))
            .ok()
            .unwrap();
        login.certificate.extensions = Some(vec![("openpubkey-pkt".to_owned(), token)]);
        login.keys = all["jwks"].clone();
        login.providers = row;
        login.policy = policy;
    })
}

#[test]
fn gos_own_tokens() {
    vector("nonce-es256").allowed();
    vector("nonce-gq").allowed(); // row 85
    vector("gqbound").refused("");
    vector("keybound").refused("not supported");
}

#[test]
fn row_86_and_87_github_tokens_must_be_gq_signed() {
    let github = "https://token.actions.githubusercontent.com";
    let login = login(|login| {
        login.providers = format!("{github} any 24h\n");
        login.claims["iss"] = github.into();
        login.claims["aud"] = login.nonce().into();
    });
    login.refused("must be GQ signed");
    assert!(login.refused_before_keys());
}

#[test]
fn row_88_and_89_claims_that_programs_could_disagree_about() {
    login(|login| login.claims["groups"] = "admins".into()).refused("groups");
    login(|login| login.claims["email"] = 5.into()).refused("email");
    let twice = format!(
        r#"{{"iss":"{ISSUER}","aud":"{CLIENT}","sub":"s","iat":{},"nonce":"%NONCE%","email":"eve@x.example","\u0065mail":"alice@x.example"}}"#,
        NOW - 1
    );
    login(|login| login.payload = Some(twice)).refused("");
    login(|login| {
        login.claims["email"] = "eve@x.example".into();
        login.claims["EMAIL"] = "alice@x.example".into();
    })
    .refused("no policy to allow eve@x.example");
}

#[test]
fn deny_lists_win_over_rows() {
    login(|login| login.deny.emails = vec!["Alice@X.example".into()]).refused("denied email");
    login(|login| login.deny.users = vec!["dev".into()]).refused("denied user");
}
