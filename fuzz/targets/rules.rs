//! `rules.yml`, and the options that its rules make of claims.
//!
//! The input is the file, a NUL, and claims (JSON); without claims there are some that fit.

use opkssh_protocol::json;
use opkssh_protocol::time::UnixTime;
use opkssh_server::account::{AccountKind, LocalAccount};
use opkssh_server::policy::Applicant;
use opkssh_server::policy::rules::Rules;

const CLAIMS: &[u8] = br#"{"sub":"1","email":"alice@example.com","preferred_username":"alice",
    "groups":["developers"],"vpn":{"addresses":["192.0.2.0/24","2001:db8::1"]},"ref":"main"}"#;

pub fn run(input: &[u8]) {
    let (file, claims) = match input.iter().position(|byte| *byte == 0) {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, CLAIMS),
    };
    let Ok(rules) = Rules::parse("rules.yml", file) else {
        return;
    };
    let Ok(claims) = json::parse_object(claims) else {
        return;
    };
    for (principal, issuer) in [
        ("dev", "https://id.example"),
        ("git", "https://id.example"),
        ("alice", "https://id.example"),
    ] {
        let account = LocalAccount {
            name: principal.to_owned(),
            aliases: vec![principal.to_owned()],
            kind: AccountKind::Person,
        };
        let who = Applicant {
            principal,
            issuer,
            claims: &claims,
            refreshed: Some(&claims),
            userinfo: None,
            account: Some(&account),
            email_verified: true,
            issued_at: Some(UnixTime(1_800_000_000)),
            refreshed_at: None,
            is_unexpired: true,
            key: "",
            login: "",
            refreshed_login: None,
            now: UnixTime(1_800_000_100),
            client_address: None,
        };
        let tell = &mut |_: String| ();
        if rules.denies(&who, tell).is_err() {
            continue;
        }
        if let Ok(Some(granted)) = rules.allows(&who, tell) {
            is_closed(&granted.options.to_string());
        }
    }
}

/// As sshd reads options: nothing ends the line, and every quote that is opened is closed before
/// the next option begins, with no blank outside of quotes.
fn is_closed(options: &str) {
    let mut quoted = false;
    let mut characters = options.chars().peekable();
    while let Some(c) = characters.next() {
        assert!(!c.is_control(), "{options:?}");
        match c {
            '\\' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
            }
            '"' => {
                quoted = !quoted;
                let next = characters.peek();
                assert!(
                    quoted || next.is_none_or(|next| *next == ','),
                    "{options:?}"
                );
            }
            ' ' => assert!(quoted, "{options:?}"),
            _ => {}
        }
    }
    assert!(!quoted, "{options:?}");
}
