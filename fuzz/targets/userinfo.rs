//! An answer of a provider's userinfo endpoint, from the network.

use opkssh_server::userinfo::Userinfo;

const SUBJECT: &str = "user-123";

pub fn run(answer: &[u8]) {
    let Ok(told) = Userinfo::read(answer, SUBJECT, "url") else {
        return;
    };
    assert_eq!(told.claims()["sub"], SUBJECT);
    let email = told.claims().get("email");
    assert!(email.is_none_or(|email| email.is_null() || email.is_string()));
    // what plugins are told is read again
    let json = told.json();
    assert_eq!(json.lines().count(), 1, "one line");
    let again = Userinfo::read(json.as_bytes(), SUBJECT, "url").expect("our own form");
    // but for the last digit of very large numbers
    assert!(again.claims().keys().eq(told.claims().keys()));
}
