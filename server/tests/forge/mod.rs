//! A provider and a client that do as they are told, wrongly if need be: every part of a token and
//! of a certificate can be set.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code)] // each test program uses a part of it

pub mod certificate;

pub use certificate::Certificate;

use opkssh_protocol::base64url;
use opkssh_protocol::cic::ClientInstanceClaims;
use opkssh_protocol::control::KeyType;
use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::user_key::UserKey;
use opkssh_server::config::DenyLists;
use opkssh_server::policy::{Policy, RowFile};
use opkssh_server::providers::Providers;
use opkssh_server::verify;
pub use opkssh_test_support::ProviderKey;
use serde_json::{Value, json};

pub const ISSUER: &str = "https://op.example";
pub const CLIENT: &str = "client-1";
/// What `now` is unless a test says otherwise.
pub const NOW: i64 = 1_800_000_000;

/// Everything about one login attempt.
pub struct Login {
    pub provider_key: ProviderKey,
    pub user_key: UserKey,
    /// The payload's members; `nonce` is put in unless `commit` is off.
    pub claims: Value,
    pub commit: bool,
    /// Payload text to use in place of `claims`; the nonce `%NONCE%` is filled in.
    pub payload: Option<String>,
    pub id_header: Value,
    pub cic_header: Value,
    /// Changes the finished compact token.
    pub twist: fn(String) -> String,
    pub certificate: Certificate,
    // what the server has
    pub providers: String,
    pub keys: Value,
    pub policy: String,
    pub deny: DenyLists,
    pub now: i64,
    pub principal: String,
}

impl Login {
    /// One that is let in as "dev".
    pub fn new() -> Self {
        Self::of(ProviderKey::es256(), KeyType::Ecdsa)
    }

    pub fn of(provider_key: ProviderKey, kind: KeyType) -> Self {
        let user_key = UserKey::generate(kind).unwrap();
        let algorithm = user_key.algorithm();
        Self {
            claims: json!({"iss": ISSUER, "aud": CLIENT, "sub": "sub-1",
                           "email": "alice@x.example", "email_verified": true,
                           "iat": NOW - 100, "exp": NOW + 3500}),
            commit: true,
            payload: None,
            id_header: json!({"alg": provider_key.algorithm(), "kid": "k1", "typ": "JWT"}),
            cic_header: json!({"alg": algorithm.to_string(), "rz": "0".repeat(64), "typ": "CIC",
                               "upk": user_key.public_key().to_jwk(algorithm)}),
            twist: |compact| compact,
            certificate: Certificate::new(),
            providers: format!("{ISSUER} {CLIENT} 24h\n"),
            keys: json!({"keys": [provider_key.published()]}),
            policy: format!("dev alice@x.example {ISSUER}\n"),
            deny: DenyLists::default(),
            now: NOW,
            principal: "dev".into(),
            provider_key,
            user_key,
        }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn nonce(&self) -> String {
        let header = serde_json::to_vec(&self.cic_header).unwrap();
        match ClientInstanceClaims::parse(&header) {
            Ok(cic) => cic.commitment().as_str().to_owned(),
            Err(_) => "unreadable".into(),
        }
    }

    pub fn payload_text(&self) -> String {
        if let Some(payload) = &self.payload {
            return payload.replace("%NONCE%", &self.nonce());
        }
        let mut claims = self.claims.clone();
        if self.commit {
            claims["nonce"] = self.nonce().into();
        }
        claims.to_string()
    }

    pub fn id_token(&self, payload: &str) -> (String, String) {
        self.provider_key.sign(&self.id_header.to_string(), payload)
    }

    pub fn pk_token(&self) -> String {
        let payload = self.payload_text();
        let (header, signature) = self.id_token(&payload);
        let payload = base64url::encode(payload);
        let cic = base64url::encode(self.cic_header.to_string());
        let cic_signature = self
            .user_key
            .sign_jws(format!("{cic}.{payload}").as_bytes());
        let cic_signature = base64url::encode(cic_signature);
        (self.twist)(format!(
            "{payload}:{header}:{signature}:{cic}:{cic_signature}"
        ))
    }

    /// sshd's `%t` and `%k`.
    pub fn words(&self) -> (String, String) {
        self.certificate.words(&self.user_key, &self.pk_token())
    }

    /// The server's decision: the line for sshd, or the reason.
    pub fn outcome(&self) -> Result<String, String> {
        let (key_type, base64) = self.words();
        self.outcome_of(&key_type, &base64)
    }

    pub fn outcome_of(&self, key_type: &str, base64: &str) -> Result<String, String> {
        let decide = || {
            let now = UnixTime(self.now);
            let providers = Providers::parse("providers", self.providers.as_bytes());
            let mut policy = Policy::default();
            policy.add(RowFile::parse("auth_id", None, self.policy.as_bytes()));
            let keys = KeySet::parse(self.keys.to_string().as_bytes()).unwrap();
            let certificate = verify::read_certificate(&verify::peek(key_type, base64)?)?;
            let candidate = verify::before_keys(certificate, &providers, now)?;
            let identified = candidate.identify(&keys, now)?;
            let tell = &mut |_| ();
            let undenied = identified.check_denials(&self.principal, &policy, &self.deny, tell)?;
            let allowed = undenied.allowed_by(&policy, tell)?;
            Ok(allowed.key.to_string())
        };
        decide().map_err(|reason: verify::DenyReason| reason.to_string())
    }

    /// Returns true if it is refused before any request to the provider.
    pub fn refused_before_keys(&self) -> bool {
        let (key_type, base64) = self.words();
        let providers = Providers::parse("providers", self.providers.as_bytes());
        verify::peek(&key_type, &base64)
            .and_then(|peeked| verify::read_certificate(&peeked))
            .and_then(|cert| verify::before_keys(cert, &providers, UnixTime(self.now)))
            .is_err()
    }

    #[track_caller]
    pub fn allowed(&self) -> String {
        self.outcome().expect("let in")
    }

    /// Refused, for a reason that says so.
    #[track_caller]
    pub fn refused(&self, reason: &str) {
        match self.outcome() {
            Ok(line) => panic!("let in: {line}"),
            Err(text) => assert!(text.contains(reason), "refused for another reason: {text}"),
        }
    }
}
