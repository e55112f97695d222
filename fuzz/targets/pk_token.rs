//! The extension `openpubkey-pkt`: a compact PK token, checked against the keys that signed the
//! seeds.

use std::sync::LazyLock;

use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::pk_token::{self, ExpirationPolicy, TrustedProvider, UnverifiedPkToken};
use opkssh_protocol::time::UnixTime;

const NOW: UnixTime = UnixTime(1_700_000_100);

/// Compact PK tokens that verify: an ES256 key of a client and an EdDSA one, RS256 and GQ
/// signatures of the provider, with and without a refreshed ID token.
const GOOD: [&str; 4] = [
    include_str!("../seeds/pk_token/nonce-es256"),
    include_str!("../seeds/pk_token/nonce-gq"),
    include_str!("../seeds/pk_token/refreshed-rs256"),
    include_str!("../seeds/pk_token/refreshed-gq"),
];

struct Signed {
    keys: KeySet,
    /// The logins in [`GOOD`], and the refreshed ID tokens attached to them.
    logins: Vec<String>,
    refreshed: Vec<String>,
}

static SIGNED: LazyLock<Signed> = LazyLock::new(|| {
    let keys = KeySet::parse(include_bytes!("../keys.json")).expect("a key set");
    let mut signed = Signed {
        keys,
        logins: Vec::new(),
        refreshed: Vec::new(),
    };
    for text in GOOD {
        let token = UnverifiedPkToken::parse_compact(text).expect("a seed");
        let (policy, refreshed) = match text.split_once('.') {
            Some((_, refreshed)) => (ExpirationPolicy::OidcRefreshed, Some(refreshed)),
            None => (ExpirationPolicy::Hours24, None),
        };
        signed.logins.push(token.unverified_login_id());
        signed.refreshed.extend(refreshed.map(payload));
        let verdict = pk_token::verify(token, &trusted(policy), &signed.keys, NOW);
        verdict.expect("a seed that verifies");
    }
    signed
});

pub fn run(text: &str) {
    let signed = &*SIGNED;
    let Ok(token) = UnverifiedPkToken::parse_compact(text) else {
        return;
    };
    let compact = token.compact();
    let again = UnverifiedPkToken::parse_compact(&compact).expect("our own form");
    assert_eq!(again.compact(), compact);
    assert_eq!(again.json(), token.json());
    for policy in [
        ExpirationPolicy::Hours24,
        ExpirationPolicy::OidcRefreshed,
        ExpirationPolicy::Never,
    ] {
        let trusted = trusted(policy);
        let Ok(token) = pk_token::precheck(token.clone(), &trusted)
            .and_then(|token| pk_token::authenticate(token, &signed.keys, NOW))
        else {
            continue;
        };
        let login = token.login_id();
        assert!(signed.logins.contains(&login), "a forged token: {text}");
        if let Some(Ok(refreshed)) = token.refreshed() {
            let payload = payload(&refreshed.compact());
            assert!(signed.refreshed.contains(&payload), "a forged token: {text}");
        }
        let _ = token.age(policy, NOW);
    }
}

fn trusted(expiration: ExpirationPolicy) -> TrustedProvider {
    TrustedProvider {
        issuer: "https://issuer.example.com".to_owned(),
        client_ids: vec!["client-1".to_owned()],
        expiration,
    }
}

/// The second part of a compact JWT.
fn payload(jwt: &str) -> String {
    jwt.split('.').nth(1).unwrap_or_default().to_owned()
}
