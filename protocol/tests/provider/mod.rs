//! A provider's signing side, small enough to make any token a test needs.
#![allow(dead_code)] // each test target uses a part of it
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

use opkssh_protocol::cic::ClientInstanceClaims;
use opkssh_protocol::control::KeyType;
use opkssh_protocol::id_token::{IdTokenError, UnverifiedIdToken};
use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::pk_token::UnverifiedPkToken;
use opkssh_protocol::user_key::UserKey;
use opkssh_test_support::ProviderKey;
use serde_json::{Value, json};

pub const ISSUER: &str = "https://op.example.com";
pub const CLIENT: &str = "client-1";
pub const NOW: i64 = 1_750_000_000;

pub struct Provider(ProviderKey);

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
        Self(ProviderKey::es256())
    }

    pub fn eddsa() -> Self {
        Self(ProviderKey::eddsa())
    }

    pub fn of_every_algorithm() -> [Self; 4] {
        [
            ProviderKey::es256(),
            ProviderKey::eddsa(),
            ProviderKey::rs256(),
            ProviderKey::ps256(),
        ]
        .map(Self)
    }

    pub fn jwk(&self) -> Value {
        self.0.published()
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
        let mut full = json!({"alg": self.0.algorithm(), "kid": ProviderKey::ID});
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
        self.0.jwt(&full, &payload)
    }
}
