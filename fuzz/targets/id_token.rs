//! An ID token as a provider sends it.

use opkssh_protocol::id_token::UnverifiedIdToken;

pub fn run(text: &str) {
    let Ok(token) = UnverifiedIdToken::parse(text) else {
        return;
    };
    let compact = token.compact();
    let again = UnverifiedIdToken::parse(&compact).expect("our own form");
    assert_eq!(again.compact(), compact);
    let claims = token.unverified_claims();
    let _ = (
        claims.email(),
        claims.nonce(),
        claims.audience(),
        claims.issued_at(),
    );
}
