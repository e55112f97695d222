//! A provider's signing side, small enough to make any token a test needs.
#![allow(dead_code)] // each test target uses a part of it
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

use opkssh_protocol::base64url;
use opkssh_protocol::cic::ClientInstanceClaims;
use opkssh_protocol::control::KeyType;
use opkssh_protocol::id_token::{IdTokenError, UnverifiedIdToken};
use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::pk_token::UnverifiedPkToken;
use opkssh_protocol::user_key::UserKey;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://op.example.com";
pub const CLIENT: &str = "client-1";
pub const NOW: i64 = 1_750_000_000;

pub struct Provider {
    key: Signer,
    algorithm: &'static str,
}

enum Signer {
    Own(UserKey),
    Rsa(Box<RsaKeyPair>),
}

/// What a login leaves behind.
pub struct Login {
    pub key: UserKey,
    pub cic: ClientInstanceClaims,
    pub id_token: String,
}

impl Login {
    pub fn pk_token(&self) -> UnverifiedPkToken {
        let id_token = UnverifiedIdToken::parse(&self.id_token).unwrap();
        let input = UnverifiedPkToken::signing_input(&id_token, &self.cic);
        let signature = self.key.sign_jws(input.as_bytes());
        UnverifiedPkToken::assemble(id_token, self.cic.clone(), signature)
    }

    pub fn compact(&self) -> String {
        self.pk_token().compact()
    }
}

impl Provider {
    pub fn es256() -> Self {
        let key = UserKey::generate(KeyType::Ecdsa).unwrap();
        Self {
            key: Signer::Own(key),
            algorithm: "ES256",
        }
    }

    pub fn eddsa() -> Self {
        let key = UserKey::generate(KeyType::Ed25519).unwrap();
        Self {
            key: Signer::Own(key),
            algorithm: "EdDSA",
        }
    }

    pub fn rsa(algorithm: &'static str) -> Self {
        let pem = include_str!("../../../tests/fixtures/rsa2048_test_key.pem");
        let base64: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
        let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, base64);
        let key = RsaKeyPair::from_pkcs8(&der.unwrap()).unwrap();
        Self {
            key: Signer::Rsa(Box::new(key)),
            algorithm,
        }
    }

    pub fn of_every_algorithm() -> Vec<Self> {
        vec![
            Self::es256(),
            Self::eddsa(),
            Self::rsa("RS256"),
            Self::rsa("PS256"),
        ]
    }

    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.key {
            Signer::Own(key) => Value::Object(key.public_key().to_jwk(key.algorithm())),
            Signer::Rsa(key) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({
                    "kty": "RSA",
                    "n": base64url::encode(public.n),
                    "e": base64url::encode(public.e),
                })
            }
        };
        jwk["kid"] = json!("k1");
        jwk["alg"] = json!(self.algorithm);
        jwk
    }

    pub fn key_set(&self) -> KeySet {
        KeySet::parse(json!({"keys": [self.jwk()]}).to_string().as_bytes()).unwrap()
    }

    /// A signed ID token with `claims` over the usual ones; `null` takes one away.
    pub fn id_token(&self, claims: &Value) -> String {
        self.signed(&json!({"typ": "JWT"}), claims)
    }

    /// A whole login; `claims` change the ID token, the commitment is in place.
    pub fn log_in(&self, claims: Value) -> Login {
        self.log_in_both(json!({"typ": "JWT"}), claims).unwrap()
    }

    pub fn log_in_with_header(&self, header: Value) -> Result<Login, IdTokenError> {
        self.log_in_both(header, json!({}))
    }

    /// As [`log_in`](Self::log_in), where the token may not even parse.
    pub fn log_in_claiming(&self, claims: Value) -> Result<Login, IdTokenError> {
        self.log_in_both(json!({"typ": "JWT"}), claims)
    }

    fn log_in_both(&self, header: Value, claims: Value) -> Result<Login, IdTokenError> {
        let key = UserKey::generate(KeyType::Ecdsa).unwrap();
        let cic = ClientInstanceClaims::new(&key.public_key(), key.algorithm(), [7; 32]).unwrap();
        let mut all = json!({"nonce": cic.commitment().as_str()});
        all.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        let id_token = self.signed(&header, &all);
        UnverifiedIdToken::parse(&id_token)?;
        Ok(Login { key, cic, id_token })
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        let mut full = json!({"alg": self.algorithm, "kid": "k1"});
        full.as_object_mut()
            .unwrap()
            .extend(header.as_object().unwrap().clone());
        let mut payload = json!({
            "iss": ISSUER, "aud": CLIENT, "sub": "alice", "email": "alice@example.com",
            "iat": NOW - 30, "exp": NOW + 300,
        });
        for (name, value) in claims.as_object().unwrap() {
            match value {
                Value::Null => payload.as_object_mut().unwrap().remove(name),
                value => payload
                    .as_object_mut()
                    .unwrap()
                    .insert(name.clone(), value.clone()),
            };
        }
        let input = format!(
            "{}.{}",
            base64url::encode(full.to_string()),
            base64url::encode(payload.to_string())
        );
        let signature = match &self.key {
            Signer::Own(key) => key.sign_jws(input.as_bytes()),
            Signer::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                let random = SystemRandom::new();
                match self.algorithm {
                    "PS256" => key.sign(&RSA_PSS_SHA256, &random, input.as_bytes(), &mut signature),
                    _ => key.sign(&RSA_PKCS1_SHA256, &random, input.as_bytes(), &mut signature),
                }
                .unwrap();
                signature
            }
        };
        format!("{input}.{}", base64url::encode(signature))
    }
}
