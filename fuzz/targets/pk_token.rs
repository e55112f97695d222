//! The extension `openpubkey-pkt`: a compact PK token.

#![no_main]

use libfuzzer_sys::fuzz_target;
use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::pk_token::{self, ExpirationPolicy, TrustedProvider, UnverifiedPkToken};
use opkssh_protocol::time::UnixTime;

fuzz_target!(|text: &str| {
    let Ok(token) = UnverifiedPkToken::parse_compact(text) else {
        return;
    };
    let compact = token.compact();
    let again = UnverifiedPkToken::parse_compact(&compact).expect("our own form");
    assert_eq!(again.compact(), compact);
    assert_eq!(again.json(), token.json());
    let trusted = TrustedProvider {
        issuer: token.unverified_issuer().to_owned(),
        client_ids: vec!["client-1".to_owned()],
        expiration: ExpirationPolicy::Hours24,
    };
    let nobody = KeySet::parse(b"{\"keys\":[]}").expect("an empty set");
    let verdict = pk_token::verify(token, &trusted, &nobody, UnixTime(1_750_000_000));
    assert!(verdict.is_err(), "nothing is trusted without a key");
});
