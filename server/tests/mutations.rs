//! Everything on the server that reads untrusted bytes, fed with broken variants of good ones: it
//! must answer, and a certificate or token that was touched must not be let in.
//!
//! What cargo-fuzz would do, on a stable compiler and for a bounded time: the same variants at
//! each run. `OPKSSH_MUTATIONS=1000000 cargo test -p opkssh-server --release --test mutations`
//! tries more of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod forge;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use forge::{Login, ProviderKey};
use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::control::KeyType;
use opkssh_protocol::id_token::UnverifiedIdToken;
use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::pk_token::UnverifiedPkToken;
use opkssh_server::config::ServerConfig;
use opkssh_server::key_source::Entry;
use opkssh_server::policy::Policy;
use opkssh_server::providers::Providers;
use opkssh_server::settings::Settings;

/// What parsers stumble over.
const TOKENS: [&[u8]; 22] = [
    b"\0",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x7f\xff\xff\xff",
    b"\x80",
    b"\n",
    b"\r\n",
    b"\"",
    b"'",
    b"\\",
    b":",
    b".",
    b"=",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"null",
    b"1e999",
    b"\xc3",
    b"#",
];

fn count() -> u64 {
    let count = std::env::var("OPKSSH_MUTATIONS").ok();
    count.and_then(|count| count.parse().ok()).unwrap_or(1000)
}

/// xorshift64*: the same numbers at each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }
}

/// One to four changes: bits, bytes, tokens, pieces moved, doubled and cut off.
fn mutated(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        let (at, other) = (random.below(bytes.len() + 1), random.below(bytes.len() + 1));
        let (from, to) = (at.min(other), at.max(other));
        match random.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = u8::try_from(random.below(256)).unwrap(),
            2 => {
                let token = TOKENS[random.below(TOKENS.len())];
                bytes.splice(at..at, token.iter().copied());
            }
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(from..to)),
            5 if to - from < 4096 && bytes.len() < 100_000 => {
                let piece = bytes[from..to].to_vec();
                let times = 1 + random.below(3);
                bytes.splice(at..at, piece.repeat(times));
            }
            6 => bytes[from..to].reverse(),
            _ => {
                let token = TOKENS[random.below(TOKENS.len())];
                for (place, byte) in bytes[at..].iter_mut().zip(token) {
                    *place = *byte;
                }
            }
        }
    }
    bytes
}

/// Feeds `target` with variants of each seed.
fn each(seeds: &[Vec<u8>], mut target: impl FnMut(&[u8])) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for seed in seeds {
        target(seed);
        for _ in 0..count() {
            target(&mutated(seed, &mut random));
        }
    }
}

fn texts(seeds: &[&str]) -> Vec<Vec<u8>> {
    seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect()
}

fn logins() -> [Login; 3] {
    [
        Login::new(),
        Login::of(ProviderKey::rs256(), KeyType::Ecdsa),
        Login::of(ProviderKey::es256(), KeyType::Ed25519),
    ]
}

#[test]
fn a_certificate_that_was_touched_is_not_let_in() {
    for login in logins() {
        let (kind, base64) = login.words();
        let good = STANDARD.decode(&base64).unwrap();
        assert!(login.outcome_of(&kind, &base64).is_ok());
        each(std::slice::from_ref(&good), |blob| {
            let _ = UnverifiedCertificate::parse(blob);
            let outcome = login.outcome_of(&kind, &STANDARD.encode(blob));
            assert!(outcome.is_err() || blob == good, "{blob:02x?}");
        });
    }
}

#[test]
fn a_token_that_was_touched_is_not_let_in_even_in_a_good_certificate() {
    for login in logins() {
        let good = login.pk_token();
        let decoded = UnverifiedPkToken::parse_compact(&good).unwrap();
        each(&[good.clone().into_bytes()], |bytes| {
            let token = String::from_utf8_lossy(bytes);
            let read = UnverifiedPkToken::parse_compact(&token);
            let (kind, base64) = login.certificate.words(&login.user_key, &token);
            let outcome = login.outcome_of(&kind, &base64);
            // what reads as the same token is the same token
            let same = read.is_ok_and(|read| read.compact() == decoded.compact());
            assert!(outcome.is_err() || same, "{token}");
        });
    }
}

#[test]
fn id_tokens() {
    for login in logins() {
        let payload = login.payload_text();
        let (header, signature) = login.id_token(&payload);
        let payload = opkssh_protocol::base64url::encode(&payload);
        let good = format!("{header}.{payload}.{signature}");
        assert!(UnverifiedIdToken::parse(&good).is_ok());
        each(&[good.into_bytes()], |bytes| {
            if let Ok(token) = UnverifiedIdToken::parse(&String::from_utf8_lossy(bytes)) {
                let _ = (token.unverified_kid(), token.unverified_claims().email());
            }
        });
        // and behind the base64, which would hide it from most changes
        each(&[login.payload_text().into_bytes()], |bytes| {
            let _ = opkssh_protocol::id_token::Claims::parse(bytes);
        });
    }
}

#[test]
fn key_sets_and_cache_entries() {
    for login in logins() {
        let keys = login.keys.to_string();
        each(&[keys.clone().into_bytes()], |bytes| {
            if let Ok(keys) = KeySet::parse(bytes) {
                let _ = (keys.is_empty(), keys.names().count(), keys.knows(None));
            }
        });
        let entry = Entry {
            issuer: "https://a.example".into(),
            fetched: opkssh_protocol::time::UnixTime(5),
            max_age: Some(60),
            document: keys,
        };
        each(&[entry.write()], |bytes| {
            if let Ok((read, _)) = Entry::read(bytes, "https://a.example") {
                assert_eq!(read.issuer, "https://a.example");
            }
        });
    }
}

#[test]
fn policy_files() {
    let rows = texts(&[
        "dev alice@x.example https://op.example\n# a remark\n'a b' oidc:groups:\"x:y\" https://i\n",
        "ci repo:org/app:ref:refs/heads/* https://token.example\nx oidc-match-end:email:@x https://i",
    ]);
    each(&rows, |bytes| {
        let _ = Policy::default().add_file("auth_id", bytes);
    });
    let providers =
        texts(&["https://a.example id 24h\nhttp://localhost:1/ 'i d' oidc_refreshed\n"]);
    each(&providers, |bytes| {
        let providers = Providers::parse("providers", bytes);
        for issuer in providers.issuers() {
            assert!(providers.for_issuer(issuer).is_ok());
        }
    });
    let configs = texts(&[
        "---\nenv_vars:\n  HTTPS_PROXY: http://p:3128\ndeny_emails: [a@x, \"b@x\"]\ndeny_users:\n  - root\n",
    ]);
    each(&configs, |bytes| drop(ServerConfig::parse(bytes)));
    let settings = texts(&[
        "key_cache: {fresh: 10m, stale_if_error: 2d}\njwks_files:\n  https://a: /a.json\nfallback:\n  command: [/bin/cat, \"%u\"]\n  timeout: 5s\n",
    ]);
    each(&settings, |bytes| drop(Settings::parse(bytes)));
}
